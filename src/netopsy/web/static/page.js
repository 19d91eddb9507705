"use strict";
// "/" goes to search, "j" and "k" walk through the papers; everything works without this file.
(() => {
  const keys = document.querySelector(".keys");
  if (keys) keys.hidden = false;
  const links = [...document.querySelectorAll(".card :is(h2, h3) a")];
  const step = (by) => {
    const now = links.indexOf(document.activeElement);
    const next = links[now < 0 ? (by > 0 ? 0 : links.length - 1) : now + by];
    if (next) next.focus();
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("find").focus();
    } else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
  });
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll(".claim details")) each.open = true;
  });
})();
