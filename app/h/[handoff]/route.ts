import { HANDOFF_HEADERS } from "../headers";

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
<h1 id="title" tabindex="-1">Opening your link</h1>
<div id="content"><p>One moment.</p></div>
<noscript><p>This page needs JavaScript: the values are decrypted in your browser and nowhere else.</p></noscript>
</main>
</body>
</html>`;

/** The same inert page for every id: it reads nothing, so it tells nothing. Anybody may open it. */
export const GET = () => new Response(PAGE, { headers: { ...HANDOFF_HEADERS, "content-type": "text/html; charset=utf-8" } });
