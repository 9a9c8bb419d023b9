// Asks a passkey for its answer to the challenge of the page, and sends it with
// the form.
"use strict";

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const textOf = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function ask({ ticket, options }) {
  const { publicKey } = options;
  const credential = await navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: bytesOf(publicKey.challenge),
      allowCredentials: (publicKey.allowCredentials ?? []).map((known) => ({ ...known, id: bytesOf(known.id) })),
    },
  });
  const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
  const answer = {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    extensions: credential.getClientExtensionResults(),
    response: {
      authenticatorData: textOf(authenticatorData),
      clientDataJSON: textOf(clientDataJSON),
      signature: textOf(signature),
      userHandle: userHandle ? textOf(userHandle) : null,
    },
  };
  return JSON.stringify({ ticket, answer });
}

function run() {
  const button = document.getElementById("ask-passkey");
  if (!button || !globalThis.navigator?.credentials) {
    return;
  }
  button.hidden = false;
  button.addEventListener("click", async () => {
    const status = document.getElementById("passkey-status");
    status.textContent = "Follow what your browser or device asks.";
    try {
      document.getElementById("passkey").value = await ask(JSON.parse(button.dataset.challenge));
      document.getElementById("by-passkey").submit();
    } catch (error) {
      status.textContent = `The passkey did not answer: ${error.message}`;
    }
  });
}

run();
