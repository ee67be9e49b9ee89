// The page's own buttons open the chat.
for (const button of document.querySelectorAll("[data-open-chat]")) {
  button.addEventListener("click", () => document.querySelector("stridewell-chat")?.open());
}
