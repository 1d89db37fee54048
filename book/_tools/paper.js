// The pages of the book, laid out as one document to be printed. pdf.py evaluates this function in index.html, whose own
// scripts do not run; it returns the ids that links name and no page has.
async ({ style, author, edition, notice, parts, pages }) => {
  const make = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    return template.content.firstElementChild;
  };
  /** The id in the one document of what has an id on a page; without one, of the page itself. */
  const unique = (page, id) => (id ? `${page}/${id}` : page);
  /** What a heading says, without the letters' second form, which is for the eye. */
  const words = (node) => {
    const copy = node.cloneNode(true);
    copy.querySelectorAll(".katex-html, annotation").forEach((part) => part.remove());
    return copy.textContent.trim();
  };
  /** A line of the contents. A page's number is filled in when it is known. */
  const line = (id, text, level) => {
    const html = `<a class="cbp-toc cbp-${level}" href="#${id}"><span></span><i></i><b data-page-of="${id}">000</b></a>`;
    const made = make(html);
    made.firstElementChild.textContent = text;
    return made;
  };

  const body = document.createElement("body");
  const contents = make(`<nav class="bd-article cbp-contents"><h1 id="contents">Contents</h1></nav>`);
  const solutions = make(`<article class="bd-article" id="solutions"><h1>Solutions</h1></article>`);
  const sheet = Object.assign(document.createElement("style"), { textContent: style });
  const heads = new Map([[contents, "Contents"]]);
  const articles = [];

  const bring = (page) => {
    const article = new DOMParser().parseFromString(pages[page], "text/html").querySelector(".bd-article");
    const drop = "script, .headerlink, .toctree-wrapper, a:has(> .viewcode-link), details.hide, .cbp-still > .narrow";
    article.querySelectorAll(drop).forEach((node) => node.remove());
    article.querySelectorAll("img").forEach((image) => image.removeAttribute("loading"));
    const inCell = (cell) => cell.querySelectorAll("br").length + 1;
    const lines = ({ rows }) => [...rows].reduce((sum, row) => sum + Math.max(...[...row.cells].map(inCell)), 0);
    const small = [
      ...[...article.querySelectorAll("pre")].filter((pre) => pre.textContent.split("\n").length <= 12),
      ...[...article.querySelectorAll("table")].filter((table) => table.rows.length <= 9 && lines(table) <= 12),
    ];
    small.forEach((node) => node.classList.add("cbp-whole"));
    for (const picture of article.querySelectorAll(".cbp-still svg, img")) {
      const [width, height] = ["width", "height"].map((side) => picture.getAttribute(side));
      if (height > 0.8 * width) (picture.closest(".cbp") ?? picture).classList.add("cbp-tall");
    }
    for (const node of article.querySelectorAll("[clip-path]")) {
      node.setAttribute("clip-path", node.getAttribute("clip-path").replace("#", `#${page}/`));
    }
    article.querySelectorAll("[id]").forEach((node) => (node.id = unique(page, node.id)));
    article.id = page;
    for (const link of article.querySelectorAll("a[href]")) {
      const [, file, id] = link.getAttribute("href").match(/^([^#]*)#?(.*)$/);
      const target = file ? file.replace(/\.html$/, "") : page;
      if (target in pages) {
        // What has an "=" is the state of a figure, which is on that page.
        link.setAttribute("href", `#${unique(target, id.includes("=") ? "" : decodeURIComponent(id))}`);
      } else if (!/^(https?|mailto):/.test(file)) link.replaceWith(...link.childNodes);
    }
    return article;
  };

  /** Take a chapter's solutions to the end of the book, and leave in their place where they are. */
  const collect = (article, name) => {
    const found = [...article.querySelectorAll(".solution")];
    if (!found.length) return;
    const section = make(`<section id="solutions/${article.id}"><h2></h2></section>`);
    section.firstElementChild.textContent = name;
    for (const solution of found) {
      const number = solution.id.replace(/.*Solution-/, "");
      const exercise = unique(article.id, `Exercise-${number}`);
      solution.querySelector(".admonition-title").innerHTML = `<a href="#${exercise}">Exercise ${number}</a>`;
      const hint = `<p class="cbp-where"><a href="#${solution.id}">Solution: page&nbsp;<b data-page-of="${solution.id}">000</b></a></p>`;
      solution.previousElementSibling.append(make(hint));
      section.append(solution);
    }
    solutions.append(section);
  };

  const list = (article, name) => {
    contents.append(line(article.id, name, "chapter"));
    for (const heading of article.querySelectorAll("h2"))
      contents.append(line(heading.parentElement.id, words(heading), "section"));
    heads.set(article, name);
    articles.push(article);
  };

  for (const { caption, files } of parts) {
    if (caption) contents.append(make(`<p class="cbp-part"></p>`)), (contents.lastElementChild.textContent = caption);
    for (const page of files) {
      const article = bring(page);
      const name = words(article.querySelector("h1"));
      collect(article, name);
      list(article, name);
    }
  }
  list(solutions, "Solutions");

  const cover = make(`<header class="cbp-cover"><p class="cbp-title"></p>${"<p></p>".repeat(5)}</header>`);
  const title = words(articles[0].querySelector("h1"));
  const subtitle = "A book that runs, after Masayuki Tanaka’s note of 2013";
  const still = "On paper the figures stand still. In the book on a screen they follow your hand.";
  [title, subtitle, author, edition, still, notice].forEach((text, index) => (cover.children[index].textContent = text));
  body.append(cover, contents, ...articles);
  [...heads].forEach(([part, name], index) => {
    part.style.page = `part-${index}`;
    sheet.textContent += `@page part-${index} { @top-left { content: ${JSON.stringify(name)}; } }\n`;
  });
  document.title = title;
  document.documentElement.dataset.theme = "light";
  document.querySelectorAll("head > script").forEach((script) => script.remove());
  document.head.append(sheet);
  document.body.replaceWith(body);
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode()));
  const links = [...document.querySelectorAll("a[href^='#']")].map((link) => decodeURIComponent(link.hash.slice(1)));
  return [...new Set(links)].filter((id) => !document.getElementById(id));
}
