// Whoever reads by keyboard must be able to scroll a formula that is wider than the screen: it gets a tab stop,
// but only while it is too wide, so that a wide screen has no needless ones.
(() => {
  const update = (formula) => {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  };
  const start = () => {
    const formulas = [...document.querySelectorAll("div.math > .katex-display")];
    const observer = new ResizeObserver((entries) => entries.forEach((entry) => update(entry.target)));
    formulas.forEach((formula) => observer.observe(formula));
    document.fonts.ready.then(() => formulas.forEach(update));
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
