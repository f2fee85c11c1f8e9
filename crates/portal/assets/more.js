// Loads a part of a page when somebody wants it: a form with `data-load`, the id of an element that the form's own page
// has too. Without this script the form leads to that page.
"use strict";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const id = form.dataset.load;
  const place = id && document.getElementById(id);
  if (!place) return;
  event.preventDefault();
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  button.textContent = "Asking …";
  const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = answer.ok && page.getElementById(id);
    // What went wrong is told by the page itself.
    if (!part) return location.assign(address);
    place.replaceChildren(...part.childNodes);
  } catch {
    location.assign(address);
  }
});
