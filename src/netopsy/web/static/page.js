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
  const run = document.querySelector("[data-events]");
  if (run && window.EventSource) follow(run);
  function follow(place) {
    const said = place.querySelector("[role=status]");
    const bar = place.querySelector("progress");
    let source = null;
    const again = () => location.reload();
    const open = () => {
      if (source || document.hidden) return;
      source = new EventSource(place.dataset.events);
      source.addEventListener("progress", (event) => {
        const { what, done, total, note } = JSON.parse(event.data);
        said.textContent = what + (total ? `, ${done} of ${total}` : "") + (note ? `: ${note}` : "");
        if (!total) return bar.removeAttribute("value");
        bar.max = total;
        bar.value = done;
      });
      source.addEventListener("state", (event) => {
        if (JSON.parse(event.data).state === "running") said.textContent = "It has begun.";
      });
      source.addEventListener("over", () => { close(); again(); });
      source.onerror = () => { if (source && source.readyState === 2) setTimeout(again, 5000); };
    };
    const close = () => {
      if (source) source.close();
      source = null;
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    addEventListener("pagehide", close);
    open();
  }
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll(".claim details")) each.open = true;
  });
})();
