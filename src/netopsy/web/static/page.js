"use strict";
// "/" goes to search, "j" and "k" walk through the papers, "v" votes for one; votes show in place. Everything works without this file.
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
    else if (event.key === "v") {
      const paper = document.activeElement.closest(".card") || document.querySelector(".paper");
      const button = paper && paper.querySelector(".vote");
      if (button) button.click();
    }
  });
  const form = document.getElementById("act");
  if (form) form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button || !button.dataset.names) return;
    event.preventDefault();
    const data = new URLSearchParams(new FormData(form));
    data.set(button.name, button.value);
    const place = button.getAttribute("formaction") || form.getAttribute("action");
    try {
      const answer = await fetch(place, { method: "POST", body: data, headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const found = await answer.json();
      button.setAttribute("aria-pressed", String(found.pressed));
      button.name = button.dataset.names.split(" ")[found.pressed ? 1 : 0];
      const count = button.querySelector(".count");
      if (count) count.textContent = found.count;
    } catch {
      // The page itself says what went wrong.
      const field = document.createElement("input");
      [field.type, field.name, field.value] = ["hidden", button.name, button.value];
      form.append(field);
      form.action = place;
      form.submit();
    }
  });
  const run = document.querySelector("[data-events]");
  if (run && window.EventSource) follow(run);
  function follow(place) {
    const said = place.querySelector("[role=status]");
    const bar = place.querySelector("progress");
    let source = null;
    let told = 0;
    const again = () => location.reload();
    const open = () => {
      if (source || document.hidden) return;
      source = new EventSource(place.dataset.events);
      source.addEventListener("progress", (event) => {
        const { what, done, total, note } = JSON.parse(event.data);
        if (Date.now() - told > 1000) {
          told = Date.now(); // it is read aloud, so not at every step
          said.textContent = what + (total ? `, ${done} of ${total}` : "") + (note ? `: ${note}` : "");
        }
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
    addEventListener("pageshow", open);
    open();
  }
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll(".claim details")) each.open = true;
  });
})();
