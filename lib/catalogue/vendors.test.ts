import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { desired } from "../provisioning/desired";
import { parseManifest } from "./parse";
import type { Choices } from "./schema";
import { manualStepsFor, nothingChosen, prerequisitesFor, registrationsFor } from "./selection";

/** One product, some features, one way of answering: what every registration then is. A = application, D = delegated. */
type Golden = {
  product: string;
  choices: Partial<Choices>;
  is: Record<
    string,
    {
      A?: string;
      D?: string;
      scoped?: string;
      web?: string[];
      publicClient?: string[];
      isPublicClient?: boolean;
      credential?: string | null;
      consentAccount?: string;
    }
  >;
  handover?: string;
  byHand?: string[];
  first?: string[];
};

const CIRRUS_URIS = ["https://login.microsoftonline.com/common/oauth2/nativeclient", "urn:ietf:wg:oauth:2.0:oob", "http://localhost:8639"];
const SIGN_IN = "offline_access openid profile";
const cirrus = { publicClient: CIRRUS_URIS, isPublicClient: true } as const;
const CIRRUS_HANDOVER = "application-id secret-value secret-expiry tenant-name tenant-id";
const INSIGHT = { variables: { "test-account": "adele@contoso.com", "mailbox-group": "group@contoso.com" } };
const LUWARE_D_CR = "Files.ReadWrite.All Mail.Read Mail.ReadWrite Mail.Send MailboxSettings.Read User.Read";
const LUWARE_D_CI = "Calendars.Read Contacts.Read Mail.Read Mail.ReadWrite Mail.Send MailboxSettings.Read User.Read";
const EMI = {
  A: "ChannelMessage.Read.All Chat.ReadWrite.All Presence.ReadWrite.All User.Read.All",
  D: "ChannelMessage.Send Chat.ManageDeletion.All Chat.ReadWrite ChatMessage.Send Directory.Read.All Group.Read.All Presence.Read.All Subscription.Read.All User.Read.All",
  web: ["https://yourcompany.brightpattern.com/agentdesktop/msteamscallback.html"],
};

const TABLE: Golden[] = [
  // Cirrus Connect
  {
    product: "cirrus-connect",
    choices: { features: ["active-directory"] },
    is: { server: { ...cirrus, A: "Group.Read.All User.Read.All", credential: "secret 12" } },
    handover: CIRRUS_HANDOVER,
    byHand: [],
    first: [],
  },
  {
    product: "cirrus-connect",
    choices: { features: ["outlook-calendar"] },
    is: { server: { ...cirrus, A: "Calendars.Read", credential: "secret 12" } },
  },
  {
    product: "cirrus-connect",
    choices: { features: ["outlook-mail"] },
    is: { server: { ...cirrus, D: `Mail.ReadWrite.Shared Mail.Send.Shared ${SIGN_IN}`, credential: null } },
    byHand: ["mailbox-rights", "sign-in-frequency", "service-account-sign-in"],
    first: ["service-account"],
  },
  {
    product: "cirrus-connect",
    choices: { features: ["outlook-mail"], consent: "account", variables: { "service-account": "cirrus@contoso.com" } },
    is: {
      server: { ...cirrus, D: `Mail.ReadWrite.Shared Mail.Send.Shared ${SIGN_IN}`, credential: null, consentAccount: "cirrus@contoso.com" },
    },
  },
  {
    product: "cirrus-connect",
    choices: { features: ["user-presence"] },
    is: { server: { ...cirrus, A: "Presence.ReadWrite.All", credential: "secret 12" } },
  },
  {
    product: "cirrus-connect",
    choices: { features: ["user-presence"], variants: { "user-presence": "delegated" } },
    is: { server: { ...cirrus, D: `Presence.Read.All ${SIGN_IN}`, credential: null } },
  },
  {
    product: "cirrus-connect",
    choices: { features: ["user-presence"], variants: { "user-presence": "delegated" }, answers: { "directory-sync": "on-premises" } },
    is: { server: { ...cirrus, D: `Presence.Read.All User.Read.All ${SIGN_IN}`, credential: null } },
  },
  {
    product: "cirrus-connect",
    choices: { features: ["active-directory", "outlook-mail"], layout: "per-feature" },
    is: {
      "server-active-directory": { ...cirrus, A: "Group.Read.All User.Read.All", credential: "secret 12" },
      "server-outlook-mail": { ...cirrus, D: `Mail.ReadWrite.Shared Mail.Send.Shared ${SIGN_IN}`, credential: null },
    },
  },
  // Cirrus Insight
  {
    product: "cirrus-insight",
    choices: { features: ["calendar-scheduling"], ...INSIGHT },
    is: { "service-account": { A: "Calendars.Read Calendars.ReadWrite Mail.Read Mail.ReadWrite", credential: "secret 12" } },
    handover: CIRRUS_HANDOVER,
    byHand: ["dashboard"],
    first: ["graph-switched-on", "domains-defined"],
  },
  {
    product: "cirrus-insight",
    choices: { features: ["calendar-sync"], ...INSIGHT },
    is: { "service-account": { A: "Calendars.Read Calendars.ReadWrite", credential: "secret 12" } },
  },
  {
    product: "cirrus-insight",
    choices: { features: ["email-sync"], ...INSIGHT },
    is: { "service-account": { A: "Mail.Read Mail.ReadWrite", credential: "secret 12" } },
  },
  {
    product: "cirrus-insight",
    choices: { features: ["calendar-sync", "email-sync"], answers: { "mailbox-scope": "rbac" }, ...INSIGHT },
    is: { "service-account": { scoped: "Calendars.Read Calendars.ReadWrite Mail.Read Mail.ReadWrite", credential: "secret 12" } },
    byHand: ["rbac-calendars", "rbac-mail", "dashboard"],
  },
  {
    product: "cirrus-insight",
    choices: { features: ["email-sync"], answers: { "mailbox-scope": "access-policy" }, ...INSIGHT },
    is: { "service-account": { A: "Mail.Read Mail.ReadWrite", credential: "secret 12" } },
    byHand: ["access-policy", "dashboard"],
  },
  // Luware LUCS
  ...(["cic", "gal-reader", "web-configurator"] as const).map(
    (id): Golden => ({
      product: "luware-lucs",
      choices: { features: [id] },
      is: { [id]: { A: "User.Read.All", credential: "secret 12" } },
      first: ["domain"],
    }),
  ),
  { product: "luware-lucs", choices: { features: ["fe"] }, is: { fe: { A: "User.Read.All", credential: "secret 12" } } },
  {
    product: "luware-lucs",
    choices: { features: ["fe"], variables: { "frontend-url": "https://lucs.contoso.com/signin" } },
    is: { fe: { A: "User.Read.All", D: "User.Read openid profile", web: ["https://lucs.contoso.com/signin"], credential: "secret 12" } },
  },
  { product: "luware-lucs", choices: { features: ["ac"] }, is: { ac: { D: "Presence.Read.All", credential: null } } },
  { product: "luware-lucs", choices: { features: ["teams-aa"] }, is: { "teams-aa": { D: "User.Read", credential: null } } },
  { product: "luware-lucs", choices: { features: ["cr"] }, is: { cr: { D: LUWARE_D_CR, credential: null } } },
  {
    product: "luware-lucs",
    choices: { features: ["ci"], answers: { "shared-calendars": "shared" } },
    is: { ci: { D: `Calendars.Read Calendars.Read.Shared ${LUWARE_D_CI.replace("Calendars.Read ", "")}`, credential: null } },
  },
  {
    product: "luware-lucs",
    choices: { features: ["ci", "cr", "cic"], instances: { ci: 2, cr: 3 } },
    is: {
      cic: { A: "User.Read.All", credential: "secret 12" },
      cr: { D: LUWARE_D_CR, credential: null },
      "cr-02": { D: LUWARE_D_CR, credential: null },
      "cr-03": { D: LUWARE_D_CR, credential: null },
      ci: { D: LUWARE_D_CI, credential: null },
      "ci-02": { D: LUWARE_D_CI, credential: null },
    },
    handover: "application-id secret-value secret-expiry redirect-uris tenant-name tenant-id",
  },
  // Bright Pattern
  {
    product: "bright-pattern-emi",
    choices: { features: ["messenger"], variables: { "tenant-host": "yourcompany.brightpattern.com" } },
    is: { "emi-server": { ...EMI, credential: "secret 24" } },
    handover: "tenant-id application-id secret-value secret-expiry certificate-thumbprint redirect-uris tenant-name",
    byHand: ["integration-account", "agent-sign-in", "webhook"],
    first: ["teams-administrator"],
  },
  // SecurEnds
  {
    product: "securends",
    choices: { features: ["office-365"] },
    is: {
      connector: {
        A: "Directory.Read.All User.Read.All",
        D: "Directory.AccessAsUser.All Directory.Read.All User.Read User.Read.All User.ReadBasic.All",
        credential: "secret 12",
      },
    },
    handover: "application-id tenant-id secret-value secret-expiry tenant-name",
    byHand: ["connector"],
  },
  {
    product: "securends",
    choices: {
      features: ["office-365"],
      variants: { "office-365": "application-only" },
      variables: { "redirect-uri": "https://app.securends.com/callback" },
    },
    is: { connector: { A: "Directory.Read.All User.Read.All", web: ["https://app.securends.com/callback"], credential: "secret 12" } },
  },
];

const manifestOf = (product: string) => parseManifest(readFileSync(`lib/catalogue/vendors/${product}.yaml`, "utf8"), product);
const sorted = (values: readonly string[]) => values.toSorted().join(" ");

test.each(TABLE)(
  "$product with $choices needs exactly what the vendor's how-to says",
  ({ product, choices: wish, is, handover, byHand, first }) => {
    const manifest = manifestOf(product);
    const choices: Choices = { ...nothingChosen, ...wish };
    const found = desired(manifest, choices, {
      mark: "m",
      mayShorten: false,
      consentCallback: { uri: "https://x.example", isWanted: false },
    });
    const named = (list: readonly { kind: string; value: string }[], kind?: string) =>
      sorted(list.filter((each) => !kind || each.kind === kind).map(({ value }) => value));
    expect(
      Object.fromEntries(
        found.map((each) => [
          each.id,
          {
            A: named(each.permissions, "application"),
            D: named(each.permissions, "delegated"),
            scoped: named(each.scoped),
            web: each.webRedirectUris,
            publicClient: each.publicClientRedirectUris,
            isPublicClient: each.isFallbackPublicClient,
            credential: each.credential?.kind === "secret" ? `secret ${each.credential.months}` : (each.credential?.kind ?? null),
            consentAccount: each.consentAccount ?? undefined,
            audience: each.signInAudience,
            apis: sorted([...new Set(each.permissions.map(({ api }) => api))]),
          },
        ]),
      ),
    ).toEqual(
      Object.fromEntries(
        Object.entries(is).map(
          ([id, { A = "", D = "", scoped = "", web = [], publicClient = [], isPublicClient = false, credential, consentAccount }]) => [
            id,
            {
              A: sorted(A.split(" ")),
              D: sorted(D.split(" ")),
              scoped: sorted(scoped.split(" ")),
              web,
              publicClient,
              isPublicClient,
              credential,
              consentAccount,
              audience: "AzureADMyOrg",
              apis: A || D ? "graph" : "",
            },
          ],
        ),
      ),
    );
    if (handover) expect(manifest.handover.fields.join(" ")).toBe(handover);
    if (byHand) expect(manualStepsFor(manifest, choices).map(({ id }) => id)).toEqual(byHand);
    if (first) expect(prerequisitesFor(manifest, choices).map(({ id }) => id)).toEqual(first);
  },
);

test("the component that the how-to leaves open is said to be so, and names that don't exist are nowhere", () => {
  const luware = manifestOf("luware-lucs");
  expect(luware.features.find(({ id }) => id === "ac")?.permissions[0]?.toConfirm).toMatch(/has to confirm/);
  expect(JSON.stringify(luware.features)).not.toMatch(/"Users\./);
  expect(
    registrationsFor(luware, { ...nothingChosen, features: ["ci"], instances: { ci: 2 } }).map(({ displayName }) => displayName),
  ).toEqual(["Luware-TM-CI", "Luware-TM-CI-02"]);
});

test("where Exchange grants for chosen mailboxes, nothing is tried as the application that would need a grant", () => {
  const insight = manifestOf("cirrus-insight");
  const choices: Choices = { ...nothingChosen, features: ["email-sync"], answers: { "mailbox-scope": "rbac" }, ...INSIGHT };
  const circumstances = { mark: "m", mayShorten: false, consentCallback: { uri: "", isWanted: false } };
  expect(desired(insight, choices, circumstances)[0]?.probes).toEqual([]);
  expect(desired(insight, { ...choices, answers: {} }, circumstances)[0]?.probes.map(({ path }) => path)).toEqual([
    "/users/adele%40contoso.com/messages?$top=1&$select=id",
  ]);
});
