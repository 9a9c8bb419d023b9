// Solves the puzzle of a sign-in form: looks for a number whose PBKDF2 hash
// begins as the puzzle asks, and puts the proof into the form.
"use strict";

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function solve(challenge) {
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  const started = bytesOf(nonce);
  for (let counter = 0; ; counter += 1) {
    const password = new Uint8Array(started.length + 4);
    password.set(started);
    new DataView(password.buffer).setUint32(started.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const options = { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(salt), iterations: cost };
    const derivedKey = hexOf(new Uint8Array(await crypto.subtle.deriveBits(options, key, keyLength * 8)));
    if (derivedKey.startsWith(keyPrefix)) {
      return { counter, derivedKey };
    }
  }
}

async function run() {
  const place = document.getElementById("puzzle");
  if (!place || !globalThis.crypto?.subtle) {
    return;
  }
  const manual = document.getElementById("puzzle-by-hand");
  const status = document.getElementById("puzzle-status");
  const button = document.querySelector("button[type=submit]");
  manual.hidden = true;
  button.disabled = true;
  status.textContent = "One moment: your browser shows that it is no bot.";
  const challenge = JSON.parse(place.dataset.challenge);
  const solution = await solve(challenge);
  document.getElementById("captcha").value = btoa(JSON.stringify({ challenge, solution }));
  status.textContent = "Done.";
  button.disabled = false;
}

run();
