// Passkeys: asks the device for one and puts its answer into the form, which is then sent as any other.
//
// A form with `data-passkey` ("create" or "get") and `data-ask`, the address that says what is to be signed, has the
// hidden fields `ceremony` and `credential`. Without this script, or in a browser without passkeys, it stays hidden.
"use strict";

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

// By which a device is reached, in the words that the server knows.
const WAYS = ["ble", "hybrid", "internal", "nfc", "usb"];

const named = (list) => (list ?? []).map((known) => ({ ...known, id: bytes(known.id) }));

const create = async ({ publicKey }) => {
  const { response, ...made } = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: named(publicKey.excludeCredentials),
    },
  }).then(known);
  return {
    ...made,
    response: {
      attestationObject: text(response.attestationObject),
      clientDataJSON: text(response.clientDataJSON),
      transports: (response.getTransports?.() ?? []).filter((way) => WAYS.includes(way)),
    },
  };
};

const get = async ({ publicKey }) => {
  const { response, ...shown } = await navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      allowCredentials: named(publicKey.allowCredentials),
    },
  }).then(known);
  return {
    ...shown,
    response: {
      authenticatorData: text(response.authenticatorData),
      clientDataJSON: text(response.clientDataJSON),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  };
};

const known = ({ id, rawId, type, response }) => ({ id, rawId: text(rawId), type, extensions: {}, response });

const why = (error) => {
  switch (error.name) {
    case "InvalidStateError":
      return "This device has a passkey for your account already.";
    case "NotAllowedError":
      return "No passkey was given. Please try again.";
    default:
      return "That did not work here. Please try again, or take another way.";
  }
};

const run = async (form) => {
  const answer = await fetch(form.dataset.ask, { method: "POST", redirect: "manual" });
  // It is asked once more who this is, on a page that leads back here.
  if (answer.type === "opaqueredirect") return location.reload();
  if (!answer.ok) throw new Error(`the server said ${answer.status}`);
  const { ceremony, options } = await answer.json();
  const signed = await (form.dataset.passkey === "create" ? create : get)(options);
  form.elements.ceremony.value = ceremony;
  form.elements.credential.value = JSON.stringify(signed);
  form.submit();
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  const wrong = form.querySelector("[role=alert]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    wrong.textContent = "";
    run(form)
      .catch((error) => { wrong.textContent = why(error); })
      .finally(() => { button.disabled = false; });
  });
}
