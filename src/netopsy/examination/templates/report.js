"use strict";
(() => {
  const root = document.documentElement;
  const dark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = (text, name, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.className = name;
    made.addEventListener("click", act);
    return made;
  };

  const theme = button("", "theme", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  const label = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", dark() ? "Show the page in light colours" : "Show the page in dark colours");
  };
  label();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  document.body.prepend(theme);

  for (const listing of document.querySelectorAll(".listing")) {
    const copy = button("Copy", "copy", () => {
      const text = listing.querySelector("code").textContent;
      const done = () => {
        copy.textContent = "Copied";
        setTimeout(() => (copy.textContent = "Copy"), 1500);
      };
      const byHand = () => {
        const area = document.createElement("textarea");
        area.value = text;
        listing.append(area);
        area.select();
        if (document.execCommand("copy")) done();
        area.remove();
      };
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, byHand);
      else byHand();
    });
    listing.append(copy);
  }

  const unfold = () => {
    for (const folded of document.querySelectorAll("details:not(.code, [open])")) folded.open = folded.dataset.printed = true;
  };
  const fold = () => {
    for (const folded of document.querySelectorAll("details[data-printed]")) {
      folded.open = false;
      delete folded.dataset.printed;
    }
  };
  addEventListener("beforeprint", unfold);
  addEventListener("afterprint", fold);
})();
