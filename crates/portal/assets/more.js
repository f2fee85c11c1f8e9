// Loads a part of a page that took too long to wait for: a form with `data-load`, the id of an element that the form's own
// page has too, when somebody presses its button, or with `data-at-once` as soon as the page is there. Without this script
// the form leads to that page.
"use strict";

// Puts the part into the page. What went wrong is told by the form's page itself, to whoever asked for it.
async function load(form, isAsked) {
  const place = document.getElementById(form.dataset.load);
  const button = form.querySelector("button");
  if (button.disabled) return;
  const word = button.textContent;
  const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  button.disabled = true;
  button.textContent = "Asking …";
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = answer.ok && page.getElementById(place.id);
    if (part) return place.replaceChildren(...part.childNodes);
  } catch {
    // As if it had not been answered.
  }
  if (isAsked) return location.assign(address);
  button.disabled = false;
  button.textContent = word;
}

document.addEventListener("submit", (event) => {
  if (!document.getElementById(event.target.dataset.load)) return;
  event.preventDefault();
  load(event.target, true);
});

for (const form of document.querySelectorAll("form[data-at-once]")) load(form, false);
