const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>Values for you, shown once</title>
<link rel="stylesheet" href="/handoff.css">
<script src="/handoff.js" defer></script>
</head>
<body>
<main>
<h1 id="title">Opening your link</h1>
<div id="content" role="status"><p>One moment.</p></div>
<noscript><p>This page needs JavaScript: the values are decrypted in your browser and nowhere else.</p></noscript>
</main>
</body>
</html>`;

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), clipboard-write=(self)",
};

/** The same inert page for every id: it reads nothing, so it tells nothing. Anybody may open it. */
export const GET = () => new Response(PAGE, { headers: HEADERS });
