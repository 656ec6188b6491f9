// The page that reveals a handoff. No framework and no third party: it reads the key from the address, proves to the
// server that it has it, and decrypts what comes back here, in the browser. The values live in this page only.
(() => {
  const title = document.getElementById("title");
  const content = document.getElementById("content");
  const id = location.pathname.split("/")[2] ?? "";
  // Mail gateways turn # into %23, or %2523; both reach us in the path.
  const rewritten = /%(?:25)*23(.+)$/.exec(location.href);
  let keyText = location.hash.slice(1) || (rewritten ? decodeURIComponent(rewritten[1]) : "");
  history.replaceState(null, "", `/h/${id.split("%")[0].slice(0, 36)}`);

  const text = (tag, words, className) => {
    const node = document.createElement(tag);
    node.textContent = words;
    if (className) node.className = className;
    return node;
  };
  const button = (words, act, className) => {
    const node = text("button", words, className);
    node.type = "button";
    node.addEventListener("click", act);
    return node;
  };
  const show = (heading, ...nodes) => {
    title.textContent = heading;
    content.replaceChildren(...nodes);
  };
  const instant = (value) =>
    new Intl.DateTimeFormat(undefined, {
      year: "numeric",
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      timeZoneName: "short",
    }).format(new Date(value));

  const bytesOf = (encoded) => Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const encode = (bytes) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replace(/=+$/, "");
  const handoff = id.split("%")[0].slice(0, 36);

  async function derive(use) {
    const key = await crypto.subtle.importKey("raw", bytesOf(keyText), "HKDF", false, ["deriveBits"]);
    return crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new TextEncoder().encode(handoff), info: new TextEncoder().encode(use) },
      key,
      256,
    );
  }
  async function ask(what) {
    const proof = encode(await derive("handoff/v1/proof"));
    const answer = await fetch(`/api/h/${handoff}/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ proof }),
      cache: "no-store",
    });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  }
  async function decrypt({ boundTo, inner }) {
    const sealed = bytesOf(inner);
    const key = await crypto.subtle.importKey("raw", await derive("handoff/v1/enc"), "AES-GCM", false, ["decrypt"]);
    const plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: new TextEncoder().encode(boundTo) },
      key,
      sealed.slice(12),
    );
    return JSON.parse(new TextDecoder().decode(plain));
  }

  function keyBox(message) {
    const label = text("label", "The link, or the part after #");
    const input = document.createElement("input");
    input.autocomplete = "off";
    input.spellcheck = false;
    label.append(input);
    const go = () => {
      keyText = input.value.trim().replace(/^.*(?:#|%(?:25)*23)/, "");
      void open();
    };
    input.addEventListener("keydown", (event) => event.key === "Enter" && go());
    show("The link is not complete", text("p", message), label, button("Open", go, "primary"));
    input.focus();
  }

  function copyButton(value, label) {
    const copy = button("Copy", async () => {
      await navigator.clipboard.writeText(value);
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    });
    copy.setAttribute("aria-label", `Copy ${label}`);
    return copy;
  }
  function field(label, value) {
    const row = document.createElement("div");
    row.className = "field";
    const code = text("code", value);
    row.append(text("span", label, "label"), code, copyButton(value, label));
    return row;
  }

  const LABELS = {
    "application-id": ["Application (client) ID", "applicationId"],
    "secret-value": ["Client secret value", "secretValue"],
    "secret-expiry": ["Secret expires", "secretEndsAt"],
    "tenant-name": ["Tenant name", "tenantName"],
    "tenant-id": ["Tenant (directory) ID", "tenantId"],
    "certificate-thumbprint": ["Certificate thumbprint", "certificateThumbprint"],
    "federated-subject": ["Federated subject", "federatedSubject"],
    "redirect-uris": ["Redirect URIs", "redirectUris"],
  };
  // The same for every registration of a handoff.
  const SHARED = ["tenant-name", "tenant-id"];
  const shown = (payload, name) => {
    const value = payload[LABELS[name][1]];
    if (!value || value.length === 0) return "";
    return name === "secret-expiry" ? value.slice(0, 10) : Array.isArray(value) ? value.join(" ") : value;
  };
  function table(parts, fields) {
    const names = fields.filter((name) => !SHARED.includes(name) && parts.some((payload) => shown(payload, name)));
    const grid = document.createElement("table");
    const head = grid.createTHead().insertRow();
    for (const label of ["Registration", ...names.map((name) => LABELS[name][0])]) {
      const cell = text("th", label);
      cell.scope = "col";
      head.append(cell);
    }
    const body = grid.createTBody();
    for (const payload of parts) {
      const row = body.insertRow();
      const title = text("th", payload.displayName);
      title.scope = "row";
      row.append(title);
      for (const name of names) {
        const cell = row.insertCell();
        cell.dataset.label = LABELS[name][0];
        const value = shown(payload, name);
        cell.append(text("code", value || "none"));
        if (value) cell.append(copyButton(value, `${LABELS[name][0]} of ${payload.displayName}`));
      }
    }
    return grid;
  }
  const whyNoSecret = (payload) =>
    payload.certificateThumbprint
      ? "No client secret: it signs in with the certificate of this thumbprint."
      : payload.federatedSubject
        ? "No client secret: it signs in with tokens of its own cloud."
        : "No client secret: these permissions are used by an account that signs in.";
  const used = (view) =>
    show(
      "These values were revealed already",
      text("p", `They were shown once, on ${instant(view.revealedAt)}. Nothing is left here.`),
      text("p", "If that was not you, tell the customer's admin at once: they can remove the secret and issue another."),
    );

  async function reveal(view) {
    show("Revealing", text("p", "One moment."));
    const answer = await ask("reveal");
    if (!answer.ok) return open();
    const parts = await Promise.all(answer.body.map(decrypt));
    const nodes = [text("p", "Shown once: store them now. Reloading or leaving this page throws them away.", "notice")];
    const [first] = parts;
    const alone = parts.length === 1;
    for (const name of view.fields.filter((each) => alone || SHARED.includes(each))) {
      const value = shown(first, name);
      if (value) nodes.push(field(LABELS[name][0], value));
    }
    if (!alone)
      nodes.push(
        table(parts, view.fields),
        button("Copy all as JSON", () => navigator.clipboard.writeText(JSON.stringify(parts, null, 2))),
      );
    if (alone && first.secretValue === null) nodes.push(text("p", whyNoSecret(first), "note"));
    if (view.note) nodes.push(text("p", view.note, "note"));
    const hide = () => {
      nodes.length = 0;
      used({ revealedAt: new Date().toISOString() });
    };
    nodes.push(button("I have stored them, hide", hide));
    show(`Values from ${view.customer} for ${view.product}`, ...nodes);
    setTimeout(hide, 5 * 60_000);
    addEventListener("pagehide", () => content.replaceChildren());
  }

  async function open() {
    keyText = keyText.replace(/[.>\s]+$/, "");
    if (!/^[\w-]{43}$/.test(keyText))
      return keyBox("The part after # is missing: some mail programs cut it off. Copy the whole link from the mail and paste it here.");
    let answer;
    try {
      answer = await ask("status");
    } catch {
      return show(
        "The portal cannot be reached",
        text("p", "Nothing was used up. Check your connection and try again."),
        button("Try again", open, "primary"),
      );
    }
    if (!answer.ok) return show("This link doesn’t open anything", text("p", answer.body.message ?? "Ask the sender for a new one."));
    const view = answer.body;
    if (view.state === "revealed") return used(view);
    if (view.state !== "pending")
      return show(
        view.state === "expired" ? "This link has expired" : "This link was withdrawn",
        text("p", `The values in it were deleted. Ask ${view.customer} for a new link.`),
      );
    const list = document.createElement("div");
    for (const name of view.fields) {
      const row = document.createElement("div");
      row.className = "field";
      row.append(text("span", LABELS[name][0], "label"), text("code", "after reveal"));
      list.append(row);
    }
    const lead = document.createElement("p");
    lead.append(
      "They are shown ",
      text("b", "once"),
      `, to you, on this page. Have your secret store open. The link works until ${instant(view.expiresAt)}.`,
    );
    show(
      `${view.customer} sends you the values for ${view.product}`,
      lead,
      list,
      button(
        "Reveal the values once",
        () =>
          void reveal(view).catch(() =>
            show("The values could not be decrypted", text("p", "They are used up. Ask the sender for a new link.")),
          ),
        "primary",
      ),
      text("p", `Opening this page used nothing up. If you did not expect it, close it and tell ${view.customer}.`, "note"),
    );
  }
  // The whole link pasted over this one changes only the part after #.
  addEventListener("hashchange", () => {
    if (location.hash.length < 2) return;
    keyText = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    void open();
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  void open();
})();
