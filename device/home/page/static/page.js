// The page works without this. It saves reloading: forms are posted and the answer's HTML is put in
// place, and what the speaker tells while time passes is shown at once.
"use strict";

const page = document.documentElement;
const main = document.getElementById("main");
const toast = document.getElementById("toast");
page.classList.add("js");

const touched = new WeakSet(); // Forms that somebody is filling in: they are left alone.
let busy = 0;
let toastTimer;

function say(text) {
  toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.textContent = ""), 6000);
}

// --- new HTML, in place: what is the same stays, with its focus and what was typed -------------

function renew(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (touched.has(old)) return;
  const mine = old === document.activeElement;
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.nodeName === "INPUT" && !mine) {
    if (old.type !== "hidden") old.value = fresh.getAttribute("value") ?? "";
    old.checked = fresh.hasAttribute("checked");
  }
  const before = [...old.childNodes], after = [...fresh.childNodes];
  before.slice(after.length).forEach((node) => node.remove());
  after.forEach((node, index) =>
    index < before.length ? renew(before[index], node) : old.append(document.importNode(node, true)));
  if (old.nodeName === "SELECT" && !mine) old.value = fresh.value;
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const there = fresh.getElementById("main");
  if (!there) return location.reload(); // Signed out, or no page at all.
  const problem = there.querySelector("[data-problem]");
  if (problem) return say(problem.textContent);
  const notice = there.querySelector("[data-notice]");
  if (notice && !notice.hidden) {
    say(notice.textContent);
    notice.hidden = true;
  }
  renew(main, there);
  document.title = fresh.title;
}

async function refresh() {
  if (busy || main.querySelector("[data-problem]")) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const html = await answer.text();
  if (!busy && answer.ok) show(html);
}

// --- forms -------------------------------------------------------------------------------------

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post" || form.dataset.whole !== undefined) return;
  event.preventDefault();
  busy += 1;
  touched.delete(form);
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    show(await answer.text());
  } catch {
    say("The speaker cannot be reached. Is it switched on?");
  }
  busy -= 1;
});

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.form) touched.add(field.form);
  const told = field.labels?.length && field.form?.querySelector(`output[for="${field.id}"]`);
  if (told) told.value = `${field.value} %`;
});

document.addEventListener("change", (event) => {
  if (event.target.dataset.send !== undefined) event.target.form.requestSubmit();
});

// --- a track's place, by pointer, word or slider -----------------------------------------------

function place(valence, arousal) {
  const reach = Math.max(1, Math.hypot(valence, arousal));
  const dot = document.getElementById("pick");
  dot.setAttribute("cx", (100 * valence) / reach);
  dot.setAttribute("cy", (-100 * arousal) / reach);
}

function pointed(event) {
  const picture = event.target.closest?.(".pick");
  if (!picture || !(event.buttons & 1)) return;
  const form = picture.closest("form");
  touched.add(form);
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
  const reach = Math.max(100, Math.hypot(at.x, at.y));
  form.valence.value = at.x / reach;
  form.arousal.value = -at.y / reach;
  form.mood.value = "sliders";
  place(form.valence.value, form.arousal.value);
}
document.addEventListener("pointerdown", pointed);
document.addEventListener("pointermove", pointed);

function placed({ target }) {
  const form = target.closest(".correct");
  if (!form) return;
  const { valence, arousal } = target.selectedOptions?.[0]?.dataset ?? {};
  if (target === form.mood && valence) [form.valence.value, form.arousal.value] = [valence, arousal];
  if (target === form.valence || target === form.arousal) form.mood.value = "sliders";
  place(form.valence.value, form.arousal.value);
}
document.addEventListener("input", placed);
document.addEventListener("change", placed);

// --- what the speaker tells --------------------------------------------------------------------

const DRIFTS = ["valence", "arousal", "confidence", "since_seconds", "position_seconds", "uptime_seconds",
  "age", "age_interval", "temperature_celsius", "dropped_sightings", "volume_now"];
const facts = (status) => JSON.stringify(status, (key, value) => (DRIFTS.includes(key) ? undefined : value));
const REFRESH_SECONDS = 15;

let known, renewedAt = Date.now(), position = 0, positionAt = 0;

function told(status) {
  const room = document.getElementById("room");
  if (room) {
    const { valence, arousal } = status.mood, reach = Math.max(1, Math.hypot(valence, arousal));
    room.setAttribute("transform", `translate(${(100 * valence) / reach} ${(-100 * arousal) / reach})`);
  }
  [position, positionAt] = [status.track?.position_seconds ?? 0, Date.now()];
  const now = facts(status);
  if (now !== known || Date.now() - renewedAt > REFRESH_SECONDS * 1000) {
    known = now;
    renewedAt = Date.now();
    refresh().catch(() => {});
  }
}

setInterval(() => {
  const bar = document.getElementById("position");
  if (!bar || !positionAt || bar.dataset.playing === undefined || document.hidden) return;
  const seconds = Math.min(bar.max, position + (Date.now() - positionAt) / 1000);
  bar.value = seconds;
  const whole = Math.floor(seconds);
  document.getElementById("at").textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}, 1000);

let events;
function listen() {
  if (document.hidden) {
    events?.close();
    events = undefined;
  } else if (!events) {
    known = undefined;
    events = new EventSource("/api/v1/events");
    events.addEventListener("status", (event) => told(JSON.parse(event.data)));
    events.addEventListener("error", again);
  }
}
function again({ target }) {
  // Cut off, it comes back by itself; refused, as where many listen already, it must be asked again.
  if (target !== events || target.readyState !== EventSource.CLOSED) return;
  events = undefined;
  refresh().catch(() => {});
  setTimeout(listen, REFRESH_SECONDS * 1000);
}
document.addEventListener("visibilitychange", listen);
if (document.querySelector("header nav")) listen();
