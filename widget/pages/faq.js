// Search in the page: shows the entries that hold every word typed.
const form = document.querySelector(".search");
const field = document.querySelector("#find");
const found = document.querySelector("#found");
const groups = [...document.querySelectorAll(".group")].filter((group) => group.querySelector(".entry"));
const entries = [...document.querySelectorAll(".entry")].map((element) => ({
  element,
  text: element.textContent.toLowerCase(),
}));

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { element, text } of entries) {
    element.hidden = !words.every((word) => text.includes(word));
    count += element.hidden ? 0 : 1;
  }
  for (const group of groups) group.hidden = !group.querySelector(".entry:not([hidden])");
  if (!words.length) found.textContent = "";
  else if (count) found.textContent = count === 1 ? "1 answer" : `${count} answers`;
  else found.textContent = "No answer has these words. Try fewer, or ask the assistant.";
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("input", search);
document.querySelector("#print").addEventListener("click", () => window.print());
