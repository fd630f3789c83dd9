"use strict";
/* What the pages do better with a script: nothing of it is needed. */

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  const word = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = word; }, 2000);
  });
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

/* On a telephone the place where somebody is may be beyond the edge of its row. */
for (const row of document.querySelectorAll(".places")) {
  const here = row.querySelector("[aria-current]");
  if (here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
}

/* What is shown once is the answer to a form: loading it again must not send the form again. */
const once = document.querySelector("[data-once]");
if (once) history.replaceState(null, "", once.dataset.once);

/* Figures that go on while somebody looks at them. */
for (const area of document.querySelectorAll("[data-live]")) {
  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(area.dataset.live, { headers: { Accept: "application/json" }, redirect: "error" });
    if (!answer.ok) return;
    const told = await answer.json();
    for (const place of area.querySelectorAll("[data-figure]")) {
      const text = told[place.dataset.figure];
      if (text !== undefined) place.textContent = text;
    }
    for (const bar of area.querySelectorAll("[data-progress]")) bar.value = told[bar.dataset.progress];
  };
  setInterval(() => refresh().catch(() => {}), 10000);
}
