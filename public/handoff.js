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
  let isFirst = true;
  // What is new is read out from its heading; the first view is read by itself.
  const show = (heading, ...nodes) => {
    title.textContent = heading;
    content.replaceChildren(...nodes);
    if (!isFirst) title.focus();
    isFirst = false;
  };
  const inputField = (label, attributes = {}) => {
    const box = text("label", label);
    const input = Object.assign(document.createElement(attributes.rows ? "textarea" : "input"), {
      autocomplete: "off",
      spellcheck: false,
      ...attributes,
    });
    box.append(input);
    return { box, input };
  };
  const says = () => {
    const node = text("p", "", "said");
    node.setAttribute("role", "status");
    return node;
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
  async function ask(what, more = {}) {
    const proof = encode(await derive("handoff/v1/proof"));
    const answer = await fetch(`/api/h/${handoff}/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ proof, ...more }),
      cache: "no-store",
    });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  }
  const unreachable = () => "The portal cannot be reached. Nothing was used up. Check your connection and try again.";
  const whyNot = ({ message, retryAt }) => (retryAt ? `${message} Again from ${instant(retryAt)}.` : message);
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
    const { box, input } = inputField("The link, or the part after #");
    const go = () => {
      keyText = input.value.trim().replace(/^.*(?:#|%(?:25)*23)/, "");
      void open();
    };
    input.addEventListener("keydown", (event) => event.key === "Enter" && go());
    show("The link is not complete", text("p", message), box, button("Open", go, "primary"));
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
  function files(parts) {
    const details = document.createElement("details");
    details.append(
      text("summary", "Save as a file"),
      text("p", "A file with a secret in it stays where it was saved. Delete it once the values are stored."),
    );
    const save = (name, body) => {
      const link = Object.assign(document.createElement("a"), {
        href: URL.createObjectURL(new Blob([body], { type: "text/plain" })),
        download: name,
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    const env = parts.flatMap((payload, index) => {
      const prefix = parts.length > 1 ? `APP_${index + 1}_` : "";
      const line = (name, value) =>
        value ? [`${prefix}${name}=${/^[\w.~-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`] : [];
      return [
        ...line("AZURE_TENANT_ID", payload.tenantId),
        ...line("AZURE_CLIENT_ID", payload.applicationId),
        ...line("AZURE_CLIENT_SECRET", payload.secretValue),
      ];
    });
    details.append(
      button("Download as .json", () => save("values.json", JSON.stringify(parts, null, 2))),
      button("Download as .env", () => save("values.env", `${env.join("\n")}\n`)),
    );
    return details;
  }

  // Asked once the values are entered, on this page or later with the same link.
  function afterwards(view) {
    const box = document.createElement("section");
    const told = says();
    const tell = async (word, words, error) => {
      try {
        const answer = await ask("said", { word, error });
        told.textContent = answer.ok ? words : whyNot(answer.body);
      } catch {
        told.textContent = unreachable();
      }
    };
    const { box: errorBox, input: error } = inputField("The error that the product shows", { rows: 3 });
    const failing = document.createElement("details");
    failing.append(
      text("summary", "It does not work"),
      errorBox,
      button("Send it to the admin", () => tell("failing", `Sent. ${view.customer} sees it with its likely cause.`, error.value)),
    );
    box.append(
      text("h2", view.saidOk ? "You said that it works" : "Have you entered the values?"),
      button("It works", () => tell("confirmed", `Thank you. ${view.customer} is told.`), view.saidOk ? "" : "primary"),
      failing,
      told,
    );
    return box;
  }

  function used(view) {
    const told = says();
    const report = button("It wasn’t me", async () => {
      try {
        const answer = await ask("said", { word: "reported" });
        told.textContent = answer.ok
          ? `${view.customer} is alarmed by mail and can take the secret away at once. Tell ${view.admin} by phone, too.`
          : whyNot(answer.body);
      } catch {
        told.textContent = unreachable();
      }
    });
    show(
      "These values were revealed already",
      text("p", `They were shown once, on ${instant(view.revealedAt)}. Nothing is left here.`),
      text(
        "p",
        view.wasReported ? "You said that it was not you. The admin knows." : `If that was not you, say so at once, or call ${view.admin}:`,
      ),
      report,
      told,
      afterwards(view),
    );
  }

  async function reveal(view, answer, told) {
    let given;
    try {
      given = await ask("reveal", answer);
    } catch {
      told.textContent = "The answer did not arrive. If it was revealed, opening the link again says so; then ask for a new one.";
      return;
    }
    if (!given.ok) {
      if (given.status === 410)
        return given.body.code === "handoff.locked" ? show("This link is locked", text("p", given.body.message)) : open();
      told.textContent = whyNot(given.body);
      return;
    }
    let parts;
    try {
      parts = await Promise.all(given.body.map(decrypt));
    } catch {
      return show("The values could not be decrypted", text("p", "They are used up. Ask the sender for a new link."));
    }
    const nodes = [text("p", "Shown once: store them now. They go when you reload or leave this page, and after five minutes.", "notice")];
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
    nodes.push(files(parts));
    let isHidden = false;
    const hide = () => {
      if (isHidden) return;
      isHidden = true;
      nodes.length = 0;
      parts = null;
      used({ ...view, revealedAt: new Date().toISOString() });
    };
    nodes.push(
      button(
        "I have stored them, hide",
        () => {
          void ask("said", { word: "saved" }).catch(() => {});
          hide();
        },
        "primary",
      ),
    );
    show(`Values from ${view.customer} for ${view.product}`, ...nodes);
    setTimeout(hide, 5 * 60_000);
    addEventListener("pagehide", () => {
      isHidden = true;
      nodes.length = 0;
      parts = null;
      content.replaceChildren();
    });
  }

  // What the admin chose to ask for besides the link; no scanner can answer it.
  function challenge(view) {
    const told = says();
    const box = document.createElement("fieldset");
    const row = document.createElement("div");
    row.className = "row";
    // One thing at a time: what is said last is about what was asked last.
    const once = async (work) => {
      const { activeElement } = document;
      box.disabled = true;
      told.textContent = "One moment.";
      await work();
      box.disabled = false;
      if (box.isConnected && !box.contains(document.activeElement)) activeElement?.focus();
    };
    const press = (answer) => button("Reveal the values once", () => once(() => reveal(view, answer(), told)), "primary");
    const onEnter = (input, go) => input.addEventListener("keydown", (event) => event.key === "Enter" && go.click());
    if (view.challenge === "code") {
      const { box: codeBox, input } = inputField("The code of the mail", {
        autocapitalize: "characters",
        inputMode: "text",
        maxLength: 12,
      });
      const go = press(() => ({ code: input.value }));
      onEnter(input, go);
      const send = button(
        `Mail a code to ${view.recipient}`,
        async () => {
          let isSent = false;
          await once(async () => {
            try {
              const answer = await ask("code");
              told.textContent = answer.ok ? `A code is on its way to ${answer.body.to}. It works for ten minutes.` : whyNot(answer.body);
              isSent = answer.ok;
            } catch {
              told.textContent = unreachable();
            }
          });
          if (!isSent) return;
          if (!codeBox.isConnected) {
            send.textContent = "Mail another code";
            send.className = "";
            row.prepend(go);
            box.prepend(codeBox);
          }
          input.focus();
        },
        "primary",
      );
      row.append(send);
      box.append(row);
    } else if (view.challenge === "passphrase") {
      const { box: phraseBox, input } = inputField("The passphrase that the sender tells you", { maxLength: 200 });
      const go = press(() => ({ passphrase: input.value }));
      onEnter(input, go);
      box.append(phraseBox, go);
    } else if (view.challenge === "sign-in") {
      const link = Object.assign(text("a", `Sign in as ${view.recipient}`), {
        href: "/sign-in?to=/signed-in",
        target: "_blank",
        rel: "noopener",
      });
      box.append(
        text("p", view.signedInAs ? `You are signed in as ${view.signedInAs}.` : "Sign in in a new tab, then come back to this one."),
        link,
        press(() => ({})),
      );
    } else box.append(press(() => ({})));
    box.append(told);
    return box;
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
    if (!answer.ok) return show("This link doesn’t open anything", text("p", whyNot(answer.body)));
    const view = answer.body;
    if (view.state === "revealed") return used(view);
    if (view.state !== "pending")
      return show(
        view.state === "expired" ? "This link has expired" : view.state === "locked" ? "This link is locked" : "This link was withdrawn",
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
      challenge(view),
      text("p", `Opening this page used nothing up. If you did not expect it, close it and tell ${view.admin}.`, "note"),
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
