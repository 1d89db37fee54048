// Sphinx's search takes what it shows of a page from search_texts.js instead of the page, which from disk it could not.
window.fetch = async (address) => new Response(new URL(address, location.href).pathname.match(/([^/]*)\.html$/)[1]);
Search.htmlToText = (page, anchor) => {
  const sections = SEARCH_TEXTS[page] ?? [];
  const found = anchor ? sections.filter(([ids]) => ids.includes(anchor.slice(1))) : sections;
  return found.map(([, text]) => text).join(" ") || " ";
};
