// The sandbox's own pages: plain forms that look nothing like the portal, so that nobody takes one for the other.
import { html, raw } from "hono/html";

const style = raw(`<style>
  :root { color-scheme: light dark }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 640px; margin: 6vh auto; padding: 0 16px }
  .note { color: GrayText; font-size: 13px } ul { list-style: none; padding: 0 }
  li > button, .row { width: 100%; text-align: left; padding: 10px 14px; margin-bottom: 6px; font: inherit; cursor: pointer }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid GrayText; padding: 10px } .actions { display: flex; gap: 10px }
  .actions button { font: inherit; padding: 8px 18px }
</style>`);

export const page = (title: string, body: unknown) => html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} · Sandbox</title>${style}</head>
<body><p class="note">Sandbox: this page plays Microsoft. Nothing here is real.</p><h1>${title}</h1>${body}</body></html>`;
