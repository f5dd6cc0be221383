// Copyright 2026 The fink-voevent developers
// SPDX-License-Identifier: Apache-2.0
// Shows a page again when the server says that it has changed.
"use strict";

const folder = decodeURIComponent(location.pathname.split("/")[1] || "");
const isIndex = folder === "" || folder.endsWith(".html");

const line = document.createElement("p");
line.className = "live";
line.setAttribute("role", "status");
const text = document.createElement("span");
const button = document.createElement("button");
button.type = "button";
button.textContent = "Show the changes";
button.hidden = true;
line.append(text, " ", button);
document.querySelector("footer").prepend(line);

const say = (sentence) => { text.textContent = sentence; };
const clock = () => `${new Date().toISOString().slice(11, 19)} UTC`;

async function show() {
  let answer;
  try {
    answer = await fetch(location.pathname, { cache: "no-store" });
  } catch {
    say("The page has changed, but the server does not answer.");
    return;
  }
  if (!answer.ok) {
    say("The page has changed, and is no longer there.");
    return;
  }
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["header", "main"]) {
    document.querySelector(part).replaceWith(document.adoptNode(made.querySelector(part)));
  }
  document.title = made.title;
  button.hidden = true;
  say(`Live: changed at ${clock()}.`);
}

// What is being read by keyboard or screen reader does not change under it.
function changed() {
  const place = document.activeElement;
  if (place && place.closest("main, header")) {
    say("The page has changed.");
    button.hidden = false;
  } else {
    show();
  }
}
button.addEventListener("click", () => { button.blur(); show(); });

const changes = new EventSource("/api/changes");
changes.addEventListener("error", () => say("Not live: the server does not answer."));
changes.addEventListener("pages", (message) => {
  const folders = JSON.parse(message.data).folders;
  if (folders === null || isIndex || folders.includes(folder)) changed();
});
function judged(message) {
  const verdict = JSON.parse(message.data).verdict;
  const well = verdict === "ok" || verdict === null;
  say(well ? "Live: changes appear by themselves."
    : `Live, but the services are ${verdict}: see fink_voevent status.`);
}
changes.addEventListener("hello", judged);
changes.addEventListener("verdict", judged);
