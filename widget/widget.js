// The chat widget: one custom element, <stridewell-chat>, that talks to the server it was loaded from.
// Served as it stands, without a build step. Messages are DOM nodes, never HTML strings.
(() => {
"use strict";

const VERSION = "1.0.0";
const SCRIPT = document.currentScript;
const SERVER = SCRIPT && SCRIPT.src ? new URL(SCRIPT.src).origin : location.origin;
const CALL_SECONDS = 55;
const TYPING_AFTER = 350;
const RETRY_SECONDS = [1, 2, 4, 8, 10];
const REASONS = ["wrong", "unclear", "off_topic", "too_little", "other"];
// The reply to these may come when the same message is sent again, without the person's doing.
const TRANSIENT = new Set(["offline", "not_ready", "busy", "storage_failed", "too_many_requests"]);
const SESSION_OVER = new Set(["session_missing", "session_invalid", "session_expired", "session_ended"]);

// ---- words; a page replaces any of them with a JSON script inside the element

const STRINGS = {
  launcher: "Ask a question",
  launcher_unread: "Ask a question. There is a new reply",
  heading: "Assistant",
  subheading: "Automated. Not a doctor.",
  close: "Close the chat",
  menu: "More",
  start_over: "Start over",
  download: "Download this chat",
  delete: "Delete this chat",
  delete_ask: "Delete this chat from the server? It can’t be brought back.",
  delete_yes: "Delete",
  delete_no: "Keep it",
  save_file: "Save as a file",
  copy: "Copy",
  copied: "Copied.",
  copy_failed: "This browser doesn’t allow copying. Save it as a file instead.",
  print: "Print",
  deleted: "This chat was deleted from the server.",
  delete_failed: "The chat was not deleted. {reason}",
  urgent: "Urgent help",
  urgent_close: "Close urgent help",
  urgent_emergency: "Emergency",
  urgent_signs: "Numbness around your genitals or back passage, a bladder or bowel change, or pain, weakness or numbness in both legs.",
  urgent_today: "Should not wait",
  urgent_crisis: "Thoughts of suicide or self-harm",
  urgent_nobody: "This chat does not contact anybody for you.",
  urgent_default: "Call your local emergency number now (999 in the UK, 112 in the EU, 911 in the US and Canada), or go to an emergency department.",
  intro: "Hello! I’m an automated assistant, not a person. I tell you what five short articles say about running with sciatica or low back pain, and where each answer comes from. This is general information, not medical advice.",
  privacy: "Please leave out names. This site stores the chat; you can delete it under “More”.",
  starters: "Questions to start with",
  log: "Chat",
  you: "You:",
  assistant: "Assistant:",
  typing: "The assistant is writing",
  input: "Your question",
  placeholder: "Type your question",
  send: "Send",
  too_long: "{count} characters too many",
  source: "1 source",
  sources: "{count} sources",
  helpful: "Was this helpful?",
  yes: "Yes, helpful",
  no: "No, not helpful",
  why: "What was wrong with it?",
  wrong: "It is wrong",
  unclear: "Hard to follow",
  off_topic: "Not what I asked",
  too_little: "Too little",
  other: "Something else",
  thanks: "Thank you. Your rating was saved.",
  rating_failed: "Your rating was not saved. {reason}",
  waiting: "Not sent yet. I’ll keep trying.",
  failed: "No answer to this one.",
  retry: "Try again",
  offline: "The assistant can’t be reached. Check your connection.",
  emergency_hint: "If it is urgent, don’t wait for this chat: see “Urgent help” above.",
  history_failed: "Your earlier messages can’t be loaded right now.",
  new_session: "A new chat starts here. What was said above is no longer known to the assistant.",
  download_title: "Chat with {heading}",
  download_note: "Automated, general information. Not medical advice.",
};

// ---- look

const DARK = `
  --surface: var(--stridewell-surface, #151f1e); --text: var(--stridewell-text, #e8efed);
  --soft: #b3c0be; --line: #33423f; --bubble: #22302e; --back: #0f1716;
  --accent: var(--stridewell-accent, #7cc9bd); --on-accent: var(--stridewell-on-accent, #06201e);
  --head: var(--stridewell-header, #14423f); --on-head: var(--stridewell-on-header, #f1f8f6);
  --alert: #ffb4a9; --alert-back: #331a17; --alert-line: #8a453c; color-scheme: dark;`;

const CSS = `
:host { all: initial; display: contents;
  --surface: var(--stridewell-surface, #fff); --text: var(--stridewell-text, #1c2b2a);
  --soft: #52615f; --line: #d8dedc; --bubble: #eef3f1; --back: #f8faf9;
  --accent: var(--stridewell-accent, #0d5c58); --on-accent: var(--stridewell-on-accent, #fff);
  --head: var(--stridewell-header, var(--accent)); --on-head: var(--stridewell-on-header, var(--on-accent));
  --alert: #9c1f16; --alert-back: #fdf0ee; --alert-line: #d99a91;
  --radius: var(--stridewell-radius, 1.1em); color-scheme: light; }
:host([hidden]) { display: none; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) {${DARK}} }
:host([theme="dark"]) {${DARK}}
*, *::before, *::after { box-sizing: border-box; }
.launcher, .panel { position: fixed; inset-inline-end: max(1em, env(safe-area-inset-right)); bottom: max(1em, env(safe-area-inset-bottom));
  font: var(--stridewell-size, max(16px, 1rem))/1.5 var(--stridewell-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
  color: var(--text); z-index: var(--stridewell-z, 2147483000); text-align: start; }
:host([position="start"]) :is(.launcher, .panel) { inset-inline: max(1em, env(safe-area-inset-left)) auto; }
[hidden] { display: none !important; }
button, textarea, summary { font: inherit; color: inherit; letter-spacing: inherit; }
button { cursor: pointer; border: 1px solid transparent; background: none; border-radius: .6em; padding: .45em .7em; min-height: 2.25em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
svg { width: 1.35em; height: 1.35em; flex: none; display: block; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
.sr { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.launcher { display: flex; align-items: center; gap: .6em; max-width: calc(100vw - 2em); padding: .8em 1.25em; border-radius: 2em; font-weight: 650;
  background: var(--accent); color: var(--on-accent); box-shadow: 0 .3em 1.4em #0b2a2840, 0 1px 3px #0b2a2830; }
.launcher:hover { filter: brightness(1.08); }
.launcher:focus-visible { outline-offset: 3px; }
.dot { width: .7em; height: .7em; border-radius: 50%; background: #ffb25c; border: 1px solid var(--on-accent); }
.panel { width: min(25.5em, 100vw - 2em); height: min(43em, 100vh - 2em); height: min(43em, 100dvh - 2em); container-type: size;
  background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: 0 1em 3.5em #0b2a2838, 0 .2em .6em #0b2a2820; overflow: hidden; }
.panel.enter { animation: rise .18s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(.8em); } }
.frame { height: 100%; display: flex; flex-direction: column; }
.head { display: flex; align-items: center; gap: .25em; padding-block: .7em .6em; padding-inline: 1.1em .6em; background: var(--head); color: var(--on-head); }
.head :focus-visible { outline-color: currentColor; outline-offset: -3px; }
.names { flex: 1; min-width: 0; }
h2 { font-size: 1.08em; line-height: 1.3; margin: 0; font-weight: 680; overflow-wrap: break-word; hyphens: auto; }
.names p { margin: 0; font-size: .875em; }
.icon { display: grid; place-items: center; min-width: 2.6em; min-height: 2.6em; padding: 0; }
.head .icon:hover { background: #ffffff26; }
.urgent-bar { display: flex; border-bottom: 1px solid var(--alert-line); background: var(--alert-back); color: var(--alert); }
.urgent-bar button { flex: 1; text-align: start; display: flex; align-items: center; gap: .5em; font-weight: 650; font-size: .94em; padding-inline: 1.15em; border-radius: 0; }
.urgent-bar button:hover { text-decoration: underline; }
.urgent-bar button:focus-visible { outline-color: currentColor; outline-offset: -3px; }
.urgent-bar .chev { margin-inline-start: auto; transition: transform .15s; }
[aria-expanded="true"] .chev { transform: rotate(180deg); }
.sheet { border-bottom: 1px solid var(--line); background: var(--surface); padding: .9em 1.15em; overflow-y: auto; max-height: 70%; }
.sheet h3 { font-size: 1em; margin: 0 0 .15em; color: var(--alert); }
.sheet p { margin: 0 0 .8em; }
.sheet p:last-child { margin: 0; }
.menu { display: grid; padding: .4em; }
.menu button { display: flex; align-items: center; gap: .7em; text-align: start; padding-inline: .8em; }
.menu button:hover { background: var(--bubble); }
.row { display: flex; flex-wrap: wrap; gap: .5em; }
.log { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 1.1em; background: var(--back); display: flex; flex-direction: column; gap: .6em; position: relative; }
.log:focus-visible { outline-offset: -3px; }
.message { display: flex; flex-direction: column; gap: .45em; align-items: flex-start; max-width: 100%; }
.message.person { align-items: flex-end; margin-block: .5em .2em; }
.bubble { border: 1px solid transparent; border-radius: 1.1em; padding: .65em .95em; max-width: 95%; background: var(--bubble); white-space: pre-line; overflow-wrap: anywhere; }
.bubble p { margin: 0; }
.assistant .bubble { border-end-start-radius: .3em; }
.person .bubble { background: var(--accent); color: var(--on-accent); border-end-end-radius: .3em; max-width: 85%; }
.person.waiting .bubble { background: none; color: var(--text); border: 1px dashed var(--accent); }
.safety .bubble { background: var(--alert-back); border: 2px solid var(--alert-line); font-weight: 550; max-width: 100%; }
.disclaimer .bubble { background: none; border-color: var(--line); color: var(--soft); font-size: .94em; }
.paper .bubble { background: var(--surface); border: 1px solid var(--soft); border-radius: .3em; font-size: .92em; max-width: 100%; }
.bubble a, .sheet a { color: inherit; font-weight: 700; text-underline-offset: .15em; }
.fine, .note { font-size: .875em; color: var(--soft); margin: 0; max-width: 92%; }
.note { align-self: center; text-align: center; padding-block: .4em; }
.choices { display: flex; flex-wrap: wrap; gap: .45em; padding: 0; margin: 0; list-style: none; }
.choices button { border: 1.5px solid var(--accent); color: var(--accent); background: var(--surface); border-radius: 1.3em; padding: .4em .95em; text-align: start; font-weight: 550; }
.choices button:hover { background: var(--accent); color: var(--on-accent); }
.below { display: flex; flex-wrap: wrap; align-items: flex-start; gap: .1em .9em; font-size: .875em; color: var(--soft); max-width: 100%; }
summary { cursor: pointer; padding: .35em .2em; min-height: 1.75em; text-decoration: underline; text-underline-offset: .2em; border-radius: .4em; }
details ul { margin: .1em 0 .5em; padding-inline-start: 1.2em; color: var(--text); }
.rate { display: flex; flex-wrap: wrap; align-items: center; gap: .15em; }
.rate .icon { min-width: 2em; min-height: 2em; border-radius: 50%; color: inherit; }
.rate .icon:hover { background: var(--bubble); }
.rate [aria-pressed="true"] { color: var(--accent); border-color: currentColor; }
.rate [aria-pressed="true"] svg { fill: currentColor; fill-opacity: .25; }
.reasons { border: 0; padding: 0; margin: 0; min-width: 0; }
.reasons legend { padding: 0; font-size: .875em; color: var(--soft); margin-bottom: .3em; }
.reasons button { font-size: .875em; border: 1px solid var(--line); background: var(--surface); border-radius: 1.2em; }
.reasons button:hover, .reasons [aria-pressed="true"] { border-color: var(--accent); color: var(--accent); }
.state { display: flex; flex-wrap: wrap; justify-content: flex-end; align-items: center; gap: .2em .6em; font-size: .875em; color: var(--alert); }
.state button, .notice button { border: 1px solid currentColor; font-weight: 650; min-height: 2em; padding-block: .15em; }
.typing { display: flex; gap: .3em; padding: .95em; }
.typing i { width: .5em; height: .5em; border-radius: 50%; background: var(--soft); animation: pulse 1.1s infinite; }
.typing i:nth-child(2) { animation-delay: .15s; } .typing i:nth-child(3) { animation-delay: .3s; }
@keyframes pulse { 0%, 70%, 100% { opacity: .3; } 35% { opacity: 1; } }
.notice { display: flex; flex-wrap: wrap; align-items: center; gap: .3em .8em; padding: .6em 1.15em; background: var(--alert-back); color: var(--alert); font-size: .94em; border-top: 1px solid var(--alert-line); }
.notice:empty, .count:empty { padding: 0; border: 0; }
form { display: flex; align-items: flex-end; gap: .5em; padding: .7em; border-top: 1px solid var(--line); background: var(--surface); padding-bottom: max(.7em, env(safe-area-inset-bottom)); }
textarea { flex: 1; min-width: 0; resize: none; border: 1px solid var(--soft); border-radius: 1.2em; padding: .6em 1em; background: var(--surface); max-height: 7.5em; height: 2.8em; overflow-y: auto; }
textarea::placeholder { color: var(--soft); opacity: 1; }
textarea:focus-visible { outline-offset: 0; }
.send { background: var(--accent); color: var(--on-accent); border-radius: 50%; min-width: 2.8em; min-height: 2.8em; padding: 0; display: grid; place-items: center; }
.send:hover { filter: brightness(1.1); }
:is(.send, .launcher) svg:dir(rtl) { transform: scaleX(-1); }
.count { padding: 0 1.6em .5em; margin: 0; font-size: .875em; color: var(--alert); background: var(--surface); }
@media (max-width: 480px), (max-height: 420px) {
  .panel { inset: 0 !important; width: 100%; height: 100%; height: var(--height, 100dvh); border: 0; border-radius: 0; }
}
@container (max-height: 24em) {
  .frame { display: block; overflow-y: auto; }
  .log { overflow: visible; min-height: 8em; }
  .sheet { max-height: none; }
}
@container (max-width: 16em) {
  .head { padding-inline: .6em .2em; }
  .head .icon { min-width: 1.8em; }
  h2 { font-size: .95em; }
  .log { padding: .6em; }
  .bubble { max-width: 100%; padding: .5em .7em; }
  .choices button { max-width: 100%; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
@media (forced-colors: active) {
  .launcher, .send, .icon, .person .bubble, .urgent-bar button { border: 1px solid ButtonBorder; }
  .rate [aria-pressed="true"], .reasons [aria-pressed="true"] { forced-color-adjust: none; background: Highlight; color: HighlightText; }
  .dot, .typing i { forced-color-adjust: none; background: CanvasText; }
}
@media print { .launcher, .panel { display: none; } }
`;

const ICONS = {
  chat: "M21 12a8 8 0 0 1-8 8H4l2-3.400A8 8 0 1 1 21 12zM8.500 10.500h8M8.500 14h5",
  close: "M6 6l12 12M18 6L6 18",
  menu: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M4 12h15M13 6l6 6-6 6",
  alert: "M12 8v5M12 16.500h.01M10.300 3.900L2.500 17.500A2 2 0 0 0 4.200 20.500h15.600a2 2 0 0 0 1.700-3L13.700 3.900a2 2 0 0 0-3.400 0z",
  chev: "M6 9l6 6 6-6",
  up: "M7 11v9H4v-9zM7 11l4-8c1.700 0 2.600 1.200 2.300 2.800L12.700 9H19a2 2 0 0 1 2 2.400l-1.300 7A2 2 0 0 1 17.700 20H7",
  down: "M17 13V4h3v9zM17 13l-4 8c-1.700 0-2.600-1.200-2.300-2.800l.6-3.200H5a2 2 0 0 1-2-2.400l1.300-7A2 2 0 0 1 6.300 4H17",
  fresh: "M4 12a8 8 0 1 1 2.500 5.800M4 19v-5h5",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
};

// ---- small helpers

function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name === "className" ? "class" : name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  path.setAttribute("d", ICONS[name]);
  if (name === "menu") path.setAttribute("stroke-width", "3");
  if (name === "chev") svg.setAttribute("class", "chev");
  return svg;
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Text as nodes: addresses become links; in safety texts, phone numbers too.
function linked(text, withPhones) {
  const pattern = withPhones
    ? /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])|(\b\d(?: ?\d){2,}\b)/g
    : /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/g;
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    // "Text SHOUT to 85258" is for messages, not for calls.
    if (match[2] && /\btext \w+ to $/i.test(text.slice(0, match.index))) continue;
    nodes.push(text.slice(end, match.index));
    nodes.push(match[2]
      ? h("a", { href: `tel:${match[2].replace(/ /g, "")}` }, match[2])
      : h("a", { href: match[1], target: "_blank", rel: "noopener noreferrer" }, match[1]));
    end = match.index + match[0].length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

function save(name, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Prints only this text, not the page around the chat.
function print(text) {
  const page = open("", "_blank", "width=700,height=900");
  if (!page) return;
  const sheet = page.document.createElement("pre");
  sheet.textContent = text;
  sheet.style.cssText = "white-space: pre-wrap; font: 12pt/1.5 system-ui, sans-serif";
  page.document.body.append(sheet);
  page.print();
}

// What outlives a page: the session, messages not yet answered, whether the chat was open.
// Each message has a key of its own, so that two tabs never overwrite each other's.
class Memory {
  constructor(kind, server) {
    this.prefix = `stridewell:${server}:`;
    this.spare = new Map();
    try {
      this.area = kind === "none" ? null : kind === "local" ? localStorage : sessionStorage;
      this.area?.getItem(this.prefix);
    } catch {
      this.area = null; // Storage is forbidden here: the chat lasts as long as the page.
    }
  }

  get(key) {
    try {
      return JSON.parse(this.area?.getItem(this.prefix + key) ?? this.spare.get(key) ?? "null");
    } catch {
      return null;
    }
  }

  set(key, value) {
    const text = JSON.stringify(value);
    try {
      if (this.area) return this.area.setItem(this.prefix + key, text);
    } catch { /* Full: keep it for this page. */ }
    this.spare.set(key, text);
  }

  remove(key) {
    this.area?.removeItem(this.prefix + key);
    this.spare.delete(key);
  }

  messages() {
    const kept = Object.keys(this.area ?? {}).filter((key) => key.startsWith(this.prefix)).map((key) => key.slice(this.prefix.length));
    return [...kept, ...this.spare.keys()].filter((key) => key.startsWith("out:")).map((key) => this.get(key)).filter(Boolean)
      .sort((one, other) => one.time - other.time);
  }
}

class Failure extends Error {
  constructor(code, message, retryAfter, messages) {
    super(message);
    Object.assign(this, { code, retryAfter, messages: messages || [] });
  }
}

async function call(server, method, path, token, body) {
  let reply;
  try {
    reply = await fetch(`${server}/chat/${path}`, {
      method,
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(CALL_SECONDS * 1000),
    });
    if (reply.status === 204) return null;
    const content = await reply.json();
    if (reply.ok) return content;
    const { code, message, retry_after: wait } = content.error;
    throw new Failure(code, message, wait, content.messages);
  } catch (error) {
    if (error instanceof Failure) throw error;
    // No connection, or a proxy's own page in place of a reply.
    throw new Failure("offline", "");
  }
}

// ---- the element

class StridewellChat extends HTMLElement {
  static observedAttributes = ["heading", "launcher"];

  #built = false;
  #config = null;
  #loaded = false;      // whether the history was read
  #shown = new Map();   // message id -> its element
  #said = new Map();    // message id -> the message, for the download
  #sending = false;
  #attempts = 0;
  #retryTimer = 0;
  #typingTimer = 0;
  #strings = STRINGS;
  #used = "";           // the session that the messages shown here belong to
  #pageOverflow = "";

  connectedCallback() {
    if (!this.#built) this.#build();
    addEventListener("online", this.#online);
    document.addEventListener("visibilitychange", this.#visible);
    window.visualViewport?.addEventListener("resize", this.#resized);
    this.#news = "BroadcastChannel" in window ? new BroadcastChannel(`stridewell:${this.server}`) : null;
    this.#news?.addEventListener("message", this.#heard);
    const waiting = this.#memory.messages();
    if (this.#open.get("open")) this.open({ focus: false });
    else if (waiting.length && this.#token) this.#load();
  }

  disconnectedCallback() {
    removeEventListener("online", this.#online);
    document.removeEventListener("visibilitychange", this.#visible);
    window.visualViewport?.removeEventListener("resize", this.#resized);
    this.#news?.close();
    clearTimeout(this.#retryTimer);
    this.#lockPage(false);
  }

  attributeChangedCallback() {
    if (this.#built) this.#label();
  }

  #memory; #open; #news; #ui = {};

  get server() { return (this.getAttribute("server") || SERVER).replace(/\/$/, ""); }
  get version() { return VERSION; }
  get isOpen() { return !this.#ui.panel?.hidden; }
  get #token() { return this.#memory.get("session")?.token; }

  /** Opens the chat; focus goes to the input unless told otherwise. */
  open({ focus = true } = {}) {
    const { panel, launcher, input } = this.#ui;
    if (panel.hidden) {
      panel.hidden = false;
      panel.classList.toggle("enter", focus);
      launcher.hidden = true;
      launcher.setAttribute("aria-expanded", "true");
      this.#ui.dot.hidden = true;
      this.#label();
      this.#open.set("open", true);
      this.#lockPage(true);
      this.#load();
      this.dispatchEvent(new CustomEvent("stridewell:open"));
    }
    if (focus) input.focus({ preventScroll: true });
  }

  /** Closes the chat and gives the focus back. */
  close() {
    const { panel, launcher } = this.#ui;
    if (panel.hidden) return;
    const hadFocus = this.shadowRoot.activeElement;
    panel.hidden = true;
    launcher.hidden = false;
    launcher.setAttribute("aria-expanded", "false");
    this.#open.remove("open");
    this.#lockPage(false);
    if (hadFocus) launcher.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("stridewell:close"));
  }

  /** Opens the chat and asks something, as if the person had typed it. */
  ask(text) {
    this.open();
    this.#say({ text: String(text) });
  }

  // -- building

  #t(key, values = {}) {
    return (this.#strings[key] ?? STRINGS[key]).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  }

  #build() {
    this.#built = true;
    this.#memory = new Memory(this.getAttribute("storage") || "session", this.server);
    this.#open = new Memory(this.getAttribute("storage") === "none" ? "none" : "session", this.server);
    try {
      const words = this.querySelector('script[type="application/json"]');
      if (words) this.#strings = { ...STRINGS, ...JSON.parse(words.textContent) };
    } catch (error) {
      console.error("stridewell-chat: the words inside the element are not JSON.", error);
    }
    const t = (key) => this.#t(key);
    const ui = this.#ui;
    const root = this.attachShadow({ mode: "open" });
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(h("style", {}, CSS));
    }
    ui.dot = h("span", { className: "dot", hidden: true });
    ui.launcherText = h("span");
    ui.launcher = h("button", { className: "launcher", type: "button", "aria-expanded": "false", "aria-haspopup": "dialog", onclick: () => this.open() },
      icon("chat"), ui.launcherText, ui.dot);
    ui.heading = h("h2", { id: "heading" });
    ui.menuButton = h("button", { className: "icon", type: "button", "aria-label": t("menu"), title: t("menu"), "aria-expanded": "false", "aria-controls": "menu", onclick: () => this.#toggle("menu") }, icon("menu"));
    ui.urgentButton = h("button", { type: "button", "aria-expanded": "false", "aria-controls": "urgent", onclick: () => this.#toggle("urgent") }, icon("alert"), t("urgent"), icon("chev"));
    ui.menu = h("div", { className: "sheet menu", id: "menu", hidden: true },
      h("button", { type: "button", onclick: () => this.#startOver() }, icon("fresh"), t("start_over")),
      h("button", { type: "button", onclick: () => this.#download() }, icon("save"), t("download")),
      h("button", { type: "button", onclick: () => this.#toggle("confirm") }, icon("bin"), t("delete")));
    ui.confirm = h("div", { className: "sheet", id: "confirm", role: "alertdialog", "aria-labelledby": "confirm-text", hidden: true },
      h("p", { id: "confirm-text" }, t("delete_ask")),
      h("div", { className: "row choices" },
        h("button", { type: "button", onclick: () => this.#toggle() }, t("delete_no")),
        h("button", { type: "button", onclick: () => this.#delete() }, t("delete_yes"))));
    ui.urgent = h("section", { className: "sheet", id: "urgent", "aria-label": t("urgent"), tabindex: "0", hidden: true });
    ui.starters = h("div");
    ui.intro = h("div", { className: "message assistant" },
      this.#bubble(t("assistant"), t("intro")),
      h("p", { className: "fine" }, t("privacy")), ui.starters);
    ui.typing = h("div", { className: "message assistant", hidden: true, "aria-hidden": "true" },
      h("div", { className: "bubble typing" }, h("i"), h("i"), h("i")));
    ui.log = h("div", { className: "log", role: "log", "aria-label": t("log"), tabindex: "0" }, ui.intro, ui.typing);
    ui.status = h("div", { className: "sr", role: "status" });
    ui.notice = h("div", { className: "notice", role: "alert" });
    ui.input = h("textarea", { rows: 1, id: "input", "aria-label": t("input"), placeholder: t("placeholder"), enterkeyhint: "send", autocomplete: "off", "aria-describedby": "count", dir: "auto",
      oninput: () => this.#typed(), onkeydown: (event) => this.#inputKey(event) });
    ui.count = h("p", { className: "count", id: "count", role: "status" });
    ui.form = h("form", { onsubmit: (event) => { event.preventDefault(); this.#submit(); } },
      ui.input, h("button", { className: "send", type: "submit", "aria-label": t("send"), title: t("send") }, icon("send")));
    ui.panel = h("div", { className: "panel", id: "panel", role: "dialog", "aria-labelledby": "heading", hidden: true, onkeydown: (event) => this.#key(event) },
      h("div", { className: "frame" },
        h("div", { className: "head" },
          h("div", { className: "names" }, ui.heading, h("p", {}, t("subheading"))),
          ui.menuButton,
          h("button", { className: "icon", type: "button", "aria-label": t("close"), title: t("close"), onclick: () => this.close() }, icon("close"))),
        h("div", { className: "urgent-bar" }, ui.urgentButton),
        ui.menu, ui.confirm, ui.urgent, ui.log, ui.status, ui.notice, ui.form, ui.count));
    this.#label();
    this.#fillUrgent();
    root.append(ui.launcher, ui.panel);
  }

  #label() {
    const { launcher, launcherText, heading, dot } = this.#ui;
    const text = this.getAttribute("launcher") || this.#t("launcher");
    launcherText.textContent = text;
    if (dot.hidden) launcher.removeAttribute("aria-label");
    else launcher.setAttribute("aria-label", `${text}. ${this.#t("launcher_unread")}`);
    heading.textContent = this.getAttribute("heading") || this.#t("heading");
  }

  #fillUrgent() {
    const urgent = this.#config?.urgent ?? { emergency: this.#t("urgent_default") };
    const parts = [["urgent_emergency", `${this.#t("urgent_signs")} ${urgent.emergency}`], ["urgent_today", urgent.same_day], ["urgent_crisis", urgent.crisis]];
    this.#ui.urgent.replaceChildren(
      ...parts.filter(([, text]) => text).flatMap(([title, text]) => [h("h3", {}, this.#t(title)), h("p", {}, ...linked(text, true))]),
      h("p", { className: "fine" }, this.#t("urgent_nobody")));
  }

  #fillStarters() {
    const starters = this.#config?.starters ?? [];
    this.#ui.starters.replaceChildren(...(starters.length && !this.#shown.size
      ? [h("ul", { className: "choices", "aria-label": this.#t("starters") }, ...starters.map((choice) => this.#choice(choice)))]
      : []));
  }

  #choice(choice) {
    return h("li", {}, h("button", { type: "button", dir: "auto", onclick: () => this.#say({ choice: choice.id, text: choice.title }) }, choice.title));
  }

  // -- what the person does

  #toggle(which) {
    const { menu, confirm, urgent, menuButton, urgentButton, input } = this.#ui;
    const target = { menu, confirm, urgent }[which];
    const show = target?.hidden;
    for (const sheet of [menu, confirm, urgent]) sheet.hidden = !(sheet === target && show);
    menuButton.setAttribute("aria-expanded", String(!menu.hidden));
    urgentButton.setAttribute("aria-expanded", String(!urgent.hidden));
    if (show && which !== "urgent") target.querySelector("button").focus();
    if (!which) input.focus({ preventScroll: true });
  }

  #key(event) {
    const { menu, confirm, urgent, menuButton, urgentButton } = this.#ui;
    if (event.key === "Escape") {
      event.stopPropagation();
      const back = !urgent.hidden ? urgentButton : menuButton;
      if (menu.hidden && confirm.hidden && urgent.hidden) return this.close();
      this.#toggle();
      back.focus();
    } else if (event.key === "Tab" && this.#covers()) {
      const stops = [...this.#ui.panel.querySelectorAll("button, textarea, summary, a[href], [tabindex='0']")]
        .filter((element) => element.getClientRects().length);
      const at = stops.indexOf(this.shadowRoot.activeElement);
      if (event.shiftKey ? at <= 0 : at === stops.length - 1) {
        event.preventDefault();
        stops.at(event.shiftKey ? -1 : 0).focus();
      }
    }
  }

  #inputKey(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    }
  }

  #typed() {
    const { input, count } = this.#ui;
    input.style.height = "";
    input.style.height = `${input.scrollHeight + 2}px`;
    const over = [...input.value.trim()].length - (this.#config?.text_length ?? Infinity);
    const text = over > 0 ? `${this.#t("too_long", { count: over })}. ${this.#t("emergency_hint")}` : "";
    if (count.textContent !== text) count.textContent = text;
    return over <= 0;
  }

  #submit() {
    const { input } = this.#ui;
    const text = input.value.trim();
    if (!text || !this.#typed()) return input.focus();
    input.value = "";
    this.#typed();
    input.focus({ preventScroll: true });
    this.#say({ text });
  }

  #say({ text, choice }) {
    if (!text.trim()) return;
    const item = { id: newId(), text, choice, time: Date.now() / 1000 };
    this.#memory.set(`out:${item.id}`, item);
    this.#show({ ...item, from: "person" });
    this.#scrollTo(this.#ui.log.scrollHeight);
    this.#fillStarters();
    this.#tell();
    this.#flush();
  }

  #startOver() {
    this.#toggle();
    this.#forget();
    this.#clear();
  }

  async #delete() {
    this.#toggle();
    const token = this.#token;
    try {
      if (token) await call(this.server, "DELETE", "conversation", token);
    } catch (failure) {
      if (!SESSION_OVER.has(failure.code)) {
        return this.#tell(this.#t("delete_failed", { reason: failure.message || this.#t("offline") }));
      }
    }
    this.#forget();
    this.#clear();
    this.#note(this.#t("deleted"));
    this.#news?.postMessage({ ended: token });
  }

  #download() {
    this.#toggle();
    const heading = this.#ui.heading.textContent;
    const lines = [...this.#said.values()].filter((message) => !message.file).map((message) => {
      const who = message.from === "person" ? this.#t("you") : this.#t("assistant");
      const sources = (message.sources ?? []).map((source) => `  - ${source.title} (${source.kind})`);
      return [`[${new Date(message.time * 1000).toLocaleString()}] ${who} ${message.text}`, ...sources].join("\n");
    });
    const text = [this.#t("download_title", { heading }), this.#t("download_note"), "", lines.join("\n\n"), ""].join("\n");
    save("chat.txt", text);
  }

  async #rate(message, rating, reason) {
    try {
      await call(this.server, "POST", "feedback", this.#token, { message: message.id, rating, ...(reason && { reason }) });
      message.rating = rating;
      this.#ui.status.textContent = this.#t("thanks");
      return true;
    } catch (failure) {
      this.#tell(this.#t("rating_failed", { reason: failure.message || this.#t("offline") }));
      return false;
    }
  }

  // -- talking to the server

  async #load() {
    if (!this.#config) {
      call(this.server, "GET", "config").then((config) => {
        this.#config = config;
        this.#fillUrgent();
        this.#fillStarters();
      }, () => { /* The built-in words stay. */ });
    }
    if (!this.#loaded) await this.#refresh();
    for (const item of this.#memory.messages()) {
      if (!this.#shown.has(item.id)) this.#show({ ...item, from: "person" });
      if (item.failed) this.#failed(item);
    }
    this.#fillStarters();
    this.#flush();
  }

  // Reads the conversation as the server has it, and shows what is missing here.
  async #refresh() {
    const token = this.#token;
    if (!token) {
      this.#loaded = true;
      return;
    }
    try {
      const { messages } = await call(this.server, "GET", "messages", token);
      const first = !this.#loaded;
      this.#used = token;
      this.#loaded = true;
      if (token !== this.#token) return;
      if (first) this.#ui.log.setAttribute("aria-live", "off"); // Old messages are not news.
      for (const message of messages) {
        this.#show(message);
        if (message.from === "assistant") this.#memory.remove(`out:${message.id.split(".")[0]}`);
      }
      if (first) {
        this.#scrollTo(this.#ui.log.scrollHeight);
        setTimeout(() => this.#ui.log.removeAttribute("aria-live"), 500);
      }
      if (messages.length) this.#fillStarters();
    } catch (failure) {
      if (SESSION_OVER.has(failure.code)) {
        this.#memory.remove("session");
        this.#loaded = true;
      } else {
        this.#tell(this.#t("history_failed"), () => this.#load());
        this.#later(() => this.#load(), failure.retryAfter);
      }
    }
  }

  async #session() {
    if (this.#token) return this.#token;
    const start = async () => {
      if (!this.#token) this.#memory.set("session", await call(this.server, "POST", "sessions", null, {}));
      return this.#token;
    };
    // Two tabs that share their storage must not start two conversations.
    return navigator.locks ? navigator.locks.request(`stridewell:${this.server}`, start) : start();
  }

  // Sends what waits, in order, one at a time.
  async #flush() {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#retryTimer);
    try {
      for (;;) {
        const item = this.#memory.messages().find((waiting) => !waiting.failed);
        if (!item || !(await this.#deliver(item))) break;
      }
    } finally {
      this.#sending = false;
      this.#typing(false);
    }
  }

  // Returns whether to go on with the next message.
  async #deliver(item, again = false) {
    const key = `out:${item.id}`;
    this.#state(item.id);
    this.#typing(true);
    try {
      const token = this.#used = await this.#session();
      const { messages } = await call(this.server, "POST", "messages", token,
        { id: item.id, ...(item.choice ? { choice: item.choice } : { text: item.text }) });
      this.#memory.remove(key);
      this.#attempts = 0;
      this.#tell();
      this.#typing(false);
      // Not shown any more: the person has started over or deleted the chat meanwhile.
      if (this.#shown.has(item.id)) this.#arrived(item.id, messages);
      this.#news?.postMessage({ changed: token });
      return true;
    } catch (failure) {
      this.#typing(false);
      if (!this.#memory.get(key)) return true; // Given up meanwhile, with the chat it belonged to.
      if (SESSION_OVER.has(failure.code) && !again) {
        this.#memory.remove("session");
        if (this.#shown.size > 1) this.#note(this.#t("new_session"), item.id);
        // The new conversation was never offered the old one's choices.
        if (item.choice && !item.choice.startsWith("start.")) delete item.choice;
        this.#memory.set(key, item);
        return this.#deliver(item, true);
      }
      const reason = failure.message || this.#t("offline");
      if (TRANSIENT.has(failure.code)) {
        this.#state(item.id, this.#t("waiting"), () => this.#flush(), true);
        this.#wrong(reason);
        this.#later(() => this.#flush(), failure.retryAfter);
        return false;
      }
      this.#arrived(item.id, failure.messages);
      this.#memory.set(key, { ...item, failed: true });
      this.#failed(item);
      this.#wrong(reason);
      return true;
    }
  }

  #failed(item) {
    this.#state(item.id, this.#t("failed"), () => {
      this.#memory.set(`out:${item.id}`, { ...item, failed: false });
      this.#flush();
    });
  }

  #later(action, seconds) {
    clearTimeout(this.#retryTimer);
    const wait = seconds ?? RETRY_SECONDS[Math.min(this.#attempts++, RETRY_SECONDS.length - 1)];
    this.#retryTimer = setTimeout(action, wait * 1000);
  }

  #forget() {
    this.#memory.remove("session");
    for (const item of this.#memory.messages()) this.#memory.remove(`out:${item.id}`);
    clearTimeout(this.#retryTimer);
  }

  #online = () => { if (this.isOpen || this.#memory.messages().length) this.#load(); };

  #visible = () => { if (!document.hidden && this.isOpen && this.#loaded && !this.#sending) this.#refresh(); };

  #heard = ({ data }) => {
    if (data.changed && data.changed === this.#token && this.#loaded) this.#refresh();
    if (data.ended && data.ended === this.#used) {
      this.#forget();
      this.#clear();
      this.#note(this.#t("deleted"));
    }
  };

  // -- showing

  #clear() {
    for (const element of [...this.#ui.log.children]) {
      if (element !== this.#ui.intro && element !== this.#ui.typing) element.remove();
    }
    this.#shown.clear();
    this.#said.clear();
    this.#tell();
    this.#fillStarters();
  }

  #note(text, beforeId) {
    this.#ui.log.insertBefore(h("p", { className: "note" }, text), this.#shown.get(beforeId) ?? this.#ui.typing);
  }

  #arrived(id, messages) {
    for (const message of messages) this.#show(message);
    if (!messages.length) return;
    if (!this.isOpen) {
      this.#ui.dot.hidden = false;
      this.#label();
    }
    // The question stays in view when the reply is long.
    this.#scrollTo((this.#shown.get(id)?.offsetTop ?? 0) - 12);
  }

  #scrollTo(top) {
    const { log } = this.#ui;
    const frame = log.parentElement;
    const scroller = getComputedStyle(log).overflowY === "visible" ? frame : log;
    scroller.scrollTop = top + (scroller === frame ? log.offsetTop : 0);
  }

  // Shows a message at its place, once: a reply after its question, in order.
  #show(message) {
    const known = this.#said.get(message.id);
    this.#said.set(message.id, message);
    if (known && known.text === message.text && known.rating === message.rating) return;
    const element = message.from === "person" ? this.#personBubble(message) : this.#assistantBubble(message);
    const old = this.#shown.get(message.id);
    this.#shown.set(message.id, element);
    if (old) return old.replaceWith(element);
    const [parent, number] = message.id.split(".");
    const before = message.from === "assistant" && (this.#shown.get(`${parent}.${number - 1}`) ?? this.#shown.get(parent));
    if (before) before.after(element);
    else this.#ui.log.insertBefore(element, this.#placeFor(message));
  }

  // A message from another tab goes before what is waiting to be sent here.
  #placeFor(message) {
    const waiting = message.kind || message.choice ? [] : this.#memory.messages().map((item) => item.id);
    if (waiting.includes(message.id)) return this.#ui.typing;
    return waiting.map((id) => this.#shown.get(id)).find(Boolean) ?? this.#ui.typing;
  }

  #personBubble(message) {
    return h("div", { className: "message person" },
      this.#bubble(this.#t("you"), message.text));
  }

  // Who speaks is heard, not seen; the text finds its own direction.
  #bubble(who, ...content) {
    return h("div", { className: "bubble" }, h("span", { className: "sr" }, `${who} `), h("p", { dir: "auto" }, ...content));
  }

  #assistantBubble(message) {
    const safety = message.kind === "safety";
    const { choices = [], sources = [], file } = message;
    if (file) {
      // The text itself was the message before; it looks like the paper that it is meant for.
      const last = [...this.#said.values()].filter((said) => said.text === file.text).pop();
      this.#shown.get(last?.id)?.classList.add("paper");
      return this.#fileRow(file);
    }
    return h("div", { className: `message assistant ${message.kind}` },
      this.#bubble(this.#t("assistant"), ...linked(message.text, safety)),
      choices.length ? h("ul", { className: "choices" }, ...choices.map((choice) => this.#choice(choice))) : null,
      message.topic ? this.#below(message, sources) : null);
  }

  // What one can do with a text to take along, such as the summary for a professional.
  #fileRow({ name, text }) {
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text);
        this.#ui.status.textContent = this.#t("copied");
      } catch {
        this.#tell(this.#t("copy_failed"));
      }
    };
    const actions = [["save_file", () => save(name, text)], ["print", () => print(text)]];
    if (navigator.clipboard) actions.push(["copy", copy]);
    return h("div", { className: "message assistant" },
      h("ul", { className: "choices" }, ...actions.map(([word, act]) =>
        h("li", {}, h("button", { type: "button", onclick: act }, this.#t(word))))));
  }

  #below(message, sources) {
    const rate = h("div", { className: "rate", role: "group", "aria-label": this.#t("helpful") }, this.#t("helpful"));
    const box = h("div", { className: "below" },
      sources.length ? h("details", {},
        h("summary", {}, sources.length === 1 ? this.#t("source") : this.#t("sources", { count: sources.length })),
        h("ul", {}, ...sources.map((source) => h("li", {}, `“${source.title}”, ${source.kind}`)))) : null,
      rate);
    const buttons = ["up", "down"].map((rating) => h("button", {
      className: "icon", type: "button", "aria-pressed": String(message.rating === rating),
      "aria-label": this.#t(rating === "up" ? "yes" : "no"), title: this.#t(rating === "up" ? "yes" : "no"),
      onclick: async () => {
        box.querySelector(".reasons")?.remove();
        if (!(await this.#rate(message, rating))) return;
        buttons.forEach((button, index) => button.setAttribute("aria-pressed", String((index === 0) === (rating === "up"))));
        if (rating === "down") {
          box.append(this.#reasons(message));
          box.scrollIntoView({ block: "nearest" });
        }
      },
    }, icon(rating)));
    rate.append(...buttons);
    return box;
  }

  #reasons(message) {
    const chips = REASONS.map((reason) => h("button", { type: "button", "aria-pressed": "false",
      onclick: async () => {
        if (!(await this.#rate(message, "down", reason))) return;
        for (const chip of chips) chip.setAttribute("aria-pressed", String(chip === chips[REASONS.indexOf(reason)]));
      } }, this.#t(reason)));
    return h("fieldset", { className: "reasons" }, h("legend", {}, this.#t("why")), h("div", { className: "row" }, ...chips));
  }

  // The line under a message of the person's that has no answer yet.
  #state(id, text, retry, waiting = false) {
    const element = this.#shown.get(id);
    if (!element) return;
    element.classList.toggle("waiting", waiting);
    element.querySelector(".state")?.remove();
    if (text) {
      element.append(h("div", { className: "state" }, text,
        h("button", { type: "button", onclick: retry }, this.#t("retry"))));
    }
  }

  #typing(on) {
    const { typing, status } = this.#ui;
    clearTimeout(this.#typingTimer);
    if (on) {
      this.#typingTimer = setTimeout(() => {
        typing.hidden = false;
        status.textContent = this.#t("typing");
        this.#scrollTo(this.#ui.log.scrollHeight);
      }, TYPING_AFTER);
    } else if (!typing.hidden) {
      typing.hidden = true;
      status.textContent = "";
    }
  }

  #wrong(reason) {
    this.#tell(`${reason} ${this.#t("emergency_hint")}`);
    this.#scrollTo(this.#ui.log.scrollHeight);
  }

  // What went wrong, seen and read out; nothing takes it away.
  #tell(text, retry) {
    const { notice } = this.#ui;
    if (!text) return notice.replaceChildren();
    if (notice.firstChild?.textContent === text) return;
    notice.replaceChildren(h("span", {}, text),
      ...(retry ? [h("button", { type: "button", onclick: () => { this.#tell(); retry(); } }, this.#t("retry"))] : []));
  }

  // -- a chat that covers a small screen

  #covers() { return matchMedia("(max-width: 480px), (max-height: 420px)").matches; }

  #lockPage(lock) {
    const covering = lock && this.#covers();
    const { style } = document.documentElement;
    if (covering) this.#pageOverflow = style.overflow;
    if (covering || style.overflow === "hidden") style.overflow = covering ? "hidden" : this.#pageOverflow;
    if (covering) this.#ui.panel.setAttribute("aria-modal", "true");
    else this.#ui.panel?.removeAttribute("aria-modal");
    this.#resized();
  }

  // Keeps the input above an on-screen keyboard.
  #resized = () => {
    const height = window.visualViewport?.height;
    if (height) this.#ui.panel?.style.setProperty("--height", `${height}px`);
  };
}

customElements.define("stridewell-chat", StridewellChat);

// One script tag is enough: its data attributes become the element's.
function place() {
  if (!SCRIPT || "manual" in SCRIPT.dataset || document.querySelector("stridewell-chat")) return;
  document.body.append(h("stridewell-chat", { ...SCRIPT.dataset }));
}
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", place);
else place();
})();
