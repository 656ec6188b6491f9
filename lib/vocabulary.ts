/**
 * Every refusal of Entra ID and of Microsoft Graph that an administrator can meet here, in words: what happened, what to
 * do, who can do it. Entra's numbers (docs: reference-error-codes) and Graph's codes (docs: Graph errors) in one table.
 */
export type Words = {
  /** Stable and dotted, for code that has to tell refusals apart. */
  readonly code: string;
  readonly message: string;
  readonly action: string;
  readonly who: string;
};

const YOU = "You";
const ADMIN = "A Cloud Application Administrator, Application Administrator or Global Administrator";
const POLICY_OWNER = "The owner of your tenant's Conditional Access policies";
const MICROSOFT = "Microsoft";

const again = (message: string): Words => ({
  code: "auth.sign-in-again",
  message,
  action: "Sign in again; everything goes on where it stopped.",
  who: YOU,
});
const wrongAccount: Words = {
  code: "auth.wrong-account",
  message: "This account does not belong to the tenant.",
  action: "Sign in with an account of the tenant that you want to connect; a guest account of another organization does not do.",
  who: YOU,
};
const device: Words = {
  code: "auth.device",
  message: "A Conditional Access policy asks for a device that your organization manages.",
  action: "Sign in from such a device, or ask the policy's owner to exclude this portal.",
  who: `You, or ${POLICY_OWNER.toLowerCase()}`,
};
const blocked = (message: string): Words => ({
  code: "auth.blocked",
  message,
  action: "Trying again does not help. Give the policy's owner this portal's name and application ID, and ask to exclude it.",
  who: POLICY_OWNER,
});
const copying = (code: string, message: string): Words => ({
  code,
  message,
  action: "Wait some minutes and try again. What is done stays done.",
  who: MICROSOFT,
});

export const AADSTS_WORDS: Readonly<Record<number, Words>> = {
  65001: {
    code: "auth.consent-needed",
    message: "This portal has not been given these permissions in your tenant yet.",
    action: "Approve the plan and accept what Microsoft asks, or send a colleague who may accept it the link of this page.",
    who: ADMIN,
  },
  65004: {
    code: "auth.declined",
    message: "You declined. Nothing was changed.",
    action: "Read what is asked for and why, then try again, or forward the invitation to a colleague.",
    who: YOU,
  },
  90094: {
    code: "auth.admin-needed",
    message: "Only an administrator can grant what this portal asks for.",
    action: "Forward the invitation to a Cloud Application Administrator, Application Administrator or Global Administrator.",
    who: ADMIN,
  },
  90095: {
    code: "auth.admin-needed",
    message: "Your organization reviews such requests before they are granted.",
    action: "Send the request on Microsoft's page, or forward the invitation to an administrator.",
    who: ADMIN,
  },
  50020: wrongAccount,
  50177: wrongAccount,
  50076: {
    code: "auth.step-up",
    message: "Your tenant asks for multi-factor authentication.",
    action: "Sign in again and complete it.",
    who: YOU,
  },
  50079: {
    code: "auth.step-up",
    message: "Your tenant asks you to set up multi-factor authentication.",
    action: "Sign in again and set it up.",
    who: YOU,
  },
  50158: {
    code: "auth.step-up",
    message: "Your tenant asks for a further check by another identity provider.",
    action: "Sign in again and complete it.",
    who: YOU,
  },
  53000: device,
  53001: device,
  53003: blocked("A Conditional Access policy blocks this sign-in."),
  530032: blocked("A security policy of your tenant blocks this account."),
  530035: blocked("The security defaults of your tenant block this sign-in."),
  530036: blocked("A Conditional Access policy blocks this way of signing in."),
  50105: {
    code: "auth.assignment-needed",
    message: "Your tenant lets only assigned people use this portal.",
    action:
      "Assign this account under Enterprise applications, this portal, Users and groups; or set Assignment required to No there, for as long as the onboarding takes.",
    who: ADMIN,
  },
  500011: {
    code: "sts.resource-missing",
    message: "Your tenant does not have the Microsoft service that this permission belongs to.",
    action: "Add a licence that includes the service, or leave the feature out.",
    who: "Whoever buys your Microsoft 365 licences",
  },
  650052: {
    code: "sts.resource-missing",
    message: "Your organization has no subscription to a Microsoft service that this needs.",
    action: "Add a licence that includes the service, or leave the feature out.",
    who: "Whoever buys your Microsoft 365 licences",
  },
  650051: copying("sts.permission-unknown", "A permission is not known to the service yet, or the service principal was made moments ago."),
  700016: copying("sts.application-unknown", "Microsoft's sign-in service does not know the application yet."),
  7000112: {
    code: "sts.disabled",
    message: "The application is disabled in your tenant: no sign-in with it is let through.",
    action: "Enable it under Enterprise applications, Properties, Enabled for users to sign in, then try again.",
    who: ADMIN,
  },
  7000215: copying("sts.secret-unknown", "Microsoft's sign-in service does not know the new secret yet."),
  7000222: copying("sts.secret-expired", "Microsoft's sign-in service says that the secret is expired."),
  7000229: copying("sts.service-principal-unknown", "Microsoft's sign-in service does not know the service principal yet."),
  500113: {
    code: "sts.redirect-missing",
    message: "The application has no redirect URI that this sign-in could return to.",
    action: "Review the plan: it lists the redirect URIs. Approve it again to put them back.",
    who: ADMIN,
  },
  50011: {
    code: "sts.redirect-wrong",
    message: "The redirect URI of this sign-in is not registered, or was registered seconds ago.",
    action: "Wait a minute and try again; if it stays, review the plan, which lists the redirect URIs.",
    who: ADMIN,
  },
  70043: again("A Conditional Access policy limits how long a sign-in lasts, and yours is over."),
  50173: again("Your sign-in was ended, by you or by an administrator."),
  700082: again("Your sign-in has been unused for too long."),
  700084: again("Your sign-in is older than a day."),
  500133: again("Your sign-in is over."),
  50013: again("Your sign-in was not accepted."),
  90002: {
    code: "auth.tenant-unknown",
    message: "Microsoft does not know this tenant, or it belongs to another cloud.",
    action: "Check that you use a work account, and that the portal is meant for your cloud.",
    who: "The vendor's support",
  },
  90038: {
    code: "auth.other-cloud",
    message: "This tenant belongs to another Microsoft cloud than this portal.",
    action: "Ask the vendor for the portal of your cloud.",
    who: "The vendor's support",
  },
};

/** What a failed call to Graph comes to. */
export type GraphMeaning =
  | "replicating"
  | "throttled"
  | "outage"
  | "conflict"
  | "already-there"
  | "not-found"
  | "denied"
  | "credential-type"
  | "credential-lifetime"
  | "audience-policy"
  | "quota"
  | "name-taken"
  | "claims"
  | "unauthenticated"
  | "not-json"
  | "not-tried"
  | "other";

export const GRAPH_WORDS: Readonly<Record<GraphMeaning, Words>> = {
  denied: {
    code: "graph.denied",
    message: "Your role does not allow this.",
    action: "Ask an administrator with the role named in the plan for approval; or activate that role and check again.",
    who: "An administrator with the role named in the plan",
  },
  "credential-type": {
    code: "graph.credential-type",
    message: "Your tenant's app management policy does not allow client secrets.",
    action: "Ask the owner of the policy to exempt this registration, in the words below, then check again. We never work around a policy.",
    who: "The owner of your tenant's app management policies",
  },
  "credential-lifetime": {
    code: "graph.credential-lifetime",
    message: "Your tenant's app management policy does not allow a client secret that lives this long.",
    action: "Let the secret live as long as your tenant allows, or ask the owner of the policy to exempt this registration.",
    who: "You, or the owner of your tenant's app management policies",
  },
  "audience-policy": {
    code: "graph.audience-policy",
    message: "Your tenant's app management policy does not allow this kind of registration.",
    action: "Ask the owner of the policy to exempt this registration, then try again.",
    who: "The owner of your tenant's app management policies",
  },
  quota: {
    code: "graph.quota",
    message: "Your account has made as many directory objects as it may.",
    action:
      "Delete registrations that you don't need any more, also from Deleted applications, or ask an administrator with a role to approve instead.",
    who: "You, or an administrator with a role",
  },
  "name-taken": {
    code: "graph.name-taken",
    message: "Something else in your tenant has this name or key already.",
    action: "Remove or rename it if it is yours to decide, then review the plan again.",
    who: ADMIN,
  },
  replicating: copying("graph.replicating", "Microsoft has still not copied the new object everywhere."),
  "not-found": copying("graph.not-found", "Microsoft does not find an object that should be there."),
  conflict: copying("graph.conflict", "Microsoft is still busy with another change to the same object."),
  throttled: {
    code: "graph.throttled",
    message: "Microsoft is limiting requests to your tenant.",
    action: "Wait until the time named here and try again. What is done stays done.",
    who: YOU,
  },
  outage: {
    code: "graph.outage",
    message: "Microsoft Graph is not answering properly.",
    action: "Wait some minutes and try again. What is done stays done.",
    who: MICROSOFT,
  },
  "not-json": {
    code: "graph.not-json",
    message: "What answered does not speak like Microsoft Graph; a proxy or firewall may stand in between.",
    action: "Try again in some minutes. If it stays, the operator of this portal has to look at its way to Microsoft Graph.",
    who: "The operator of this portal",
  },
  unauthenticated: again("Your sign-in at Microsoft ended."),
  claims: {
    code: "graph.claims",
    message: "Microsoft wants you to confirm who you are before it goes on: a policy asks for more, or your roles have changed.",
    action: "Confirm at Microsoft; the run goes on where it stopped.",
    who: YOU,
  },
  "already-there": {
    code: "graph.already-there",
    message: "It is there already.",
    action: "Nothing has to be done.",
    who: "Nobody",
  },
  "not-tried": {
    code: "graph.not-tried",
    message: "Not tried, since a step before it failed.",
    action: "It is tried when that step has worked.",
    who: YOU,
  },
  other: {
    code: "graph.other",
    message: "Microsoft refused this.",
    action: "Try again. If it stays, send the details to the vendor's support.",
    who: "The vendor's support",
  },
};

const CONTACT_AND_ADMIN = "The contact, or you";
/**
 * What a vendor's contact meets when the product signs in with the handed-over values, and why as a rule. The same numbers
 * of Entra ID as above, seen from the application's side.
 */
const CLIENT_WORDS: Readonly<Record<number, Words>> = {
  7000215: {
    code: "client.secret-wrong",
    message:
      "Microsoft does not take the secret. As a rule the Secret ID was entered in place of the secret value, or a character is missing.",
    action: "Enter the secret value again. It is not shown a second time: if it was not stored, issue a new credential.",
    who: CONTACT_AND_ADMIN,
  },
  7000222: {
    code: "client.secret-expired",
    message: "The secret has expired.",
    action: "Issue a new credential and hand it over.",
    who: YOU,
  },
  700016: {
    code: "client.application-unknown",
    message:
      "Microsoft does not find the application in the tenant that the product signs in to. As a rule tenant ID and application ID were mixed up, or one is of another customer.",
    action: "Compare both IDs with those on this page.",
    who: "The contact",
  },
  90002: {
    code: "client.tenant-unknown",
    message: "The tenant ID or the domain that was entered does not exist.",
    action: "Enter the tenant ID of this page.",
    who: "The contact",
  },
  65001: {
    code: "client.not-consented",
    message: "The product asks for a permission that was not granted.",
    action:
      "Compare the plan with your tenant now. If nothing is missing there, the product asks for more than its vendor says: tell the vendor.",
    who: YOU,
  },
  50011: {
    code: "client.redirect-missing",
    message: "The product signs in with a redirect URI that the application does not have.",
    action:
      "Compare the redirect URIs letter by letter, with and without a slash at the end. Change the value on the checklist and approve the plan.",
    who: CONTACT_AND_ADMIN,
  },
  7000229: {
    code: "client.service-principal-missing",
    message: "The application has no service principal in your tenant: it was deleted, or it is seconds old.",
    action: "Compare the plan with your tenant now and approve what is missing.",
    who: YOU,
  },
  7000112: {
    code: "client.disabled",
    message: "The application is disabled in your tenant: no sign-in with it is let through.",
    action: "Compare the plan with your tenant now and approve enabling it, or ask whoever disabled it.",
    who: YOU,
  },
  53003: {
    code: "client.blocked",
    message: "A Conditional Access policy of your tenant blocks the application.",
    action: "Ask the owner of the policy to exclude the application, by its application ID, or to allow the place that it signs in from.",
    who: POLICY_OWNER,
  },
  700027: {
    code: "client.certificate-wrong",
    message: "The certificate that the product signs with is not the one that was registered.",
    action: "Compare the thumbprints; register the other certificate on the checklist if it is the right one.",
    who: CONTACT_AND_ADMIN,
  },
  50105: {
    code: "client.assignment-needed",
    message: "Only assigned people may use the application, and this one is not.",
    action: "Assign them under Enterprise applications, or set Assignment required to No.",
    who: ADMIN,
  },
};
const UNKNOWN_TO_US: Words = {
  code: "client.other",
  message: "We have no explanation for this one.",
  action: "Compare the plan with your tenant now. If nothing is missing there, pass the error on to the vendor’s support.",
  who: "You, then the vendor’s support",
};

/** The likely cause of what a contact reports, from the number in it. */
export const causeOf = (aadsts: string | null): Words => CLIENT_WORDS[Number(aadsts?.replace("AADSTS", ""))] ?? UNKNOWN_TO_US;

const EITHER = new Intl.ListFormat("en", { type: "disjunction" });
/** "a Global Administrator or an Application Administrator". */
export const anyOf = (roles: readonly string[]) => EITHER.format(roles.map((role) => `${/^[AEIOU]/.test(role) ? "an" : "a"} ${role}`));
