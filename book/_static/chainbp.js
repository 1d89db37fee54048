// What is wider than its place can be reached by Tab, and scrolled by arrow keys. Each box is measured when it is laid
// out, and once more when the fonts have come; the theme would lay out the whole page for it.
{
  const seen = new Set();
  const measure = (boxes) => {
    const wide = boxes.map((box) => box.scrollWidth > box.clientWidth);
    boxes.forEach((box, i) => (wide[i] ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
  };
  // In the next frame: what changes a size within this one is an error in Firefox.
  const observer = new ResizeObserver((entries) => {
    const boxes = entries.map((entry) => entry.target);
    boxes.forEach((box) => seen.add(box));
    requestAnimationFrame(() => measure(boxes));
  });
  const kinds = "div.math > .katex-display, pre, .cell_output > .output, .pst-scrollable-table-container";
  document.querySelectorAll(kinds).forEach((box) => observer.observe(box));
  document.fonts.ready.then(() => measure([...seen]));
}

// What chainbp.css has left out of the first layout is laid out piece by piece when there is time, so that later
// nothing moves while one scrolls. The first seconds belong to the first screen, unless one reads by keyboard, which
// stops at what scrolls. A jump, from elsewhere or within the page, must know how long all is that it leaps over, and
// so must a return.
{
  const sections = [...document.querySelectorAll(".bd-article > section > section")];
  const later = window.requestIdleCallback ?? setTimeout;
  const layOut = (some) => some.forEach((section) => (section.style.contentVisibility = "visible"));
  const next = () => {
    if (!sections.length) return;
    layOut(sections.splice(0, 1));
    later(next);
  };
  const [arrival] = performance.getEntriesByType("navigation");
  if (location.hash || arrival.type !== "navigate") layOut(sections.splice(0));
  addEventListener("load", () => setTimeout(() => later(next), 5000));
  addEventListener("keydown", () => later(next), { once: true });
  addEventListener("click", ({ target }) => target.closest("a[href*='#']") && layOut(sections.splice(0)), { capture: true });
}

// A link to a formula, a reference, a section or a name of the package shows it while the pointer is over it, while it
// has the keyboard's focus, and at the first tap (the second one follows it). _ext/previews.py says what is shown.
{
  const file = new URL("previews.js", document.currentScript.src).href;
  const isLink = (node) => node.closest?.(".bd-article a.internal[href*='#']:not(.headerlink)");
  const box = document.createElement("div");
  Object.assign(box, { id: "cbp-preview", role: "tooltip", hidden: true });
  document.body.append(box);
  let shown = null; // the link
  let timer;
  let loading;
  let touched = false;

  const load = () =>
    (loading ??= new Promise((loaded, failed) => {
      const script = Object.assign(document.createElement("script"), { src: file, onload: loaded, onerror: failed });
      document.head.append(script);
    }));

  const place = (link) => {
    const [line] = link.getClientRects();
    const left = Math.min(line.left, document.documentElement.clientWidth - box.offsetWidth - 12);
    const below = line.bottom + 6;
    const fits = below + box.offsetHeight < innerHeight || line.top < box.offsetHeight + 6;
    const top = fits ? below : line.top - box.offsetHeight - 6;
    Object.assign(box.style, { left: `${Math.max(12, left) + scrollX}px`, top: `${top + scrollY}px` });
  };

  const hide = () => {
    clearTimeout(timer);
    box.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };

  /** Show what a link leads to; say whether there is something to show. */
  const show = async (link) => {
    clearTimeout(timer);
    if (shown === link) return true;
    hide();
    shown = link;
    await load().catch(() => {});
    const { pathname, hash } = new URL(link.href);
    const page = pathname.match(/([^/]*?)(\.html)?$/)[1] || "index";
    const html = window.chainbpPreviews?.[`${page}#${decodeURIComponent(hash.slice(1))}`];
    if (!html) shown = shown === link ? null : shown;
    if (!html || shown !== link) return Boolean(html);
    box.innerHTML = html;
    if (touched) box.insertAdjacentHTML("beforeend", "<p class='hint'>Tap the link again to go there.</p>");
    box.hidden = false;
    place(link);
    link.setAttribute("aria-describedby", box.id);
    return true;
  };

  const soon = (action, ...what) => {
    clearTimeout(timer);
    timer = setTimeout(action, 200, ...what);
  };

  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType === "touch") return;
    const link = isLink(target);
    if (link) soon(show, link);
    else if (box.contains(target)) clearTimeout(timer);
  });
  document.addEventListener("pointerout", ({ target, pointerType }) => {
    if (pointerType !== "touch" && (isLink(target) || box.contains(target))) soon(hide);
  });
  document.addEventListener("focusin", ({ target }) => {
    const link = isLink(target);
    if (link?.matches(":focus-visible")) show(link);
    else if (!box.hidden) hide();
  });
  document.addEventListener("focusout", ({ target }) => {
    if (target === shown && !touched) hide();
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide();
  });
  document.addEventListener("pointerdown", ({ target, pointerType }) => {
    touched = pointerType === "touch";
    if (shown && !isLink(target) && !box.contains(target)) hide();
  });
  document.addEventListener("click", (event) => {
    const link = isLink(event.target);
    if (!link || !touched || link === shown) return;
    event.preventDefault();
    show(link).then((found) => {
      if (!found) location.assign(link.href);
    });
  });
}
