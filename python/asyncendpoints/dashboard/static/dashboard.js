// What a page gains with a script: it changes while it is looked at, and "/" goes to the search. All works without.
"use strict";

const live = document.querySelector("#live[data-live]");
const pulse = document.getElementById("pulse");
const pulseText = document.getElementById("pulse-text");
let stream = null;
let announced = document.querySelector("[data-announce]")?.dataset.announce;

function say(state, text) {
  if (pulse.dataset.state !== state || pulseText.textContent !== text) {
    pulse.dataset.state = state;
    pulseText.textContent = text;
  }
}

// Makes one element what another is, and touches nothing that is alike: focus, selection and scrolling stay.
function become(here, there) {
  for (const { name } of [...here.attributes]) {
    if (!there.hasAttribute(name) && !(here.nodeName === "DETAILS" && name === "open")) here.removeAttribute(name);
  }
  for (const { name, value } of there.attributes) {
    if (here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
  const wanted = [...there.childNodes];
  const byId = new Map();
  for (const child of here.children) if (child.id) byId.set(child.id, child);
  let next = here.firstChild;
  for (const child of wanted) {
    const known = child.id ? byId.get(child.id) : null;
    if (known && known !== next) {
      here.insertBefore(known, next);
      next = known;
    }
    if (next && next.nodeName === child.nodeName && (next.id || "") === (child.id || "")) {
      const after = next.nextSibling;
      if (next.nodeType === Node.ELEMENT_NODE) become(next, child);
      else if (next.nodeValue !== child.nodeValue) next.nodeValue = child.nodeValue;
      next = after;
    } else {
      here.insertBefore(document.importNode(child, true), next);
    }
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

function show(html) {
  const parsed = new DOMParser().parseFromString(`<div id="live" data-live>${html}</div>`, "text/html");
  become(live, parsed.body.firstElementChild);
  say("live", "Live");
  const now = live.querySelector("[data-announce]")?.dataset.announce;
  if (now && now !== announced) {
    announced = now;
    say("live", now);
  }
}

function open() {
  if (stream) return;
  stream = new EventSource(location.pathname + location.search);
  stream.addEventListener("live", (event) => show(event.data));
  stream.addEventListener("trouble", (event) => say("trouble", event.data));
  stream.addEventListener("end", (event) => say("still", event.data));
  stream.addEventListener("over", () => {
    close();
    if (pulse.dataset.state === "live") say("still", "Ended");
  });
  stream.addEventListener("error", () => {
    if (!stream) return;
    const closed = stream.readyState === EventSource.CLOSED;
    say("trouble", closed ? "Not live: reload" : "Reconnecting");
    if (closed) stream = null;
  });
}

function close() {
  if (stream) stream.close();
  stream = null;
}

if (live) {
  // A browser has few connections to one host: pages that nobody sees leave theirs to others.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else open();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => document.hidden || open());
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("find").focus();
  }
});
