import { PublicClientApplication } from "@azure/msal-node";
import { authorityOf } from "../lib/auth/auth.ts";
import { config } from "../lib/config.ts";
import { connect } from "../lib/graph/graph.ts";
import { Secret } from "../lib/secret.ts";

/** Microsoft Graph Command Line Tools: a public client of Microsoft's own that every tenant knows, for people at a terminal. */
const CLIENT_ID = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

/** Microsoft Graph with the rights of whoever signs in, in the browser, to the portal's own tenant. */
export async function signInToGraph(scopes: readonly string[]) {
  const { AZURE_TENANT_ID, GRAPH_URL } = config();
  const client = new PublicClientApplication({ auth: { clientId: CLIENT_ID, ...authorityOf(AZURE_TENANT_ID) } });
  const result = await client.acquireTokenInteractive({
    scopes: scopes.map((scope) => `${GRAPH_URL}/${scope}`),
    openBrowser: async (url) => console.log(`Open this address and sign in as an administrator of the portal's tenant:\n\n  ${url}\n`),
    successTemplate: "You are signed in. Close this window and go back to the terminal.",
  });
  const token = new Secret(result.accessToken);
  return connect({ token: async () => token });
}
