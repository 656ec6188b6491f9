// What Entra's sign-in service says when it refuses: number → OAuth error, HTTP status and text (docs: reference-error-codes).

type Words = { error: string; status?: number; suberror?: string; text: (about: Record<string, string>) => string };
const invalidClient = { error: "invalid_client", status: 401 };

export const AADSTS: Record<number, Words> = {
  50011: {
    error: "invalid_request",
    text: ({ uri = "", app = "" }) =>
      `The redirect URI '${uri}' specified in the request does not match the redirect URIs configured for the application '${app}'.`,
  },
  50013: { error: "invalid_grant", text: () => "Assertion failed signature validation or has the wrong audience." },
  50020: {
    error: "invalid_grant",
    text: ({ user = "", tenant = "", app = "" }) =>
      `User account '${user}' from identity provider 'sandbox' does not exist in tenant '${tenant}' and cannot access the application '${app}' in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different account.`,
  },
  50058: { error: "login_required", text: () => "A silent sign-in request was sent but no user is signed in." },
  50076: {
    error: "interaction_required",
    text: ({ resource = "00000003-0000-0000-c000-000000000000" }) =>
      `Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '${resource}'.`,
  },
  50079: {
    error: "interaction_required",
    text: ({ resource = "00000003-0000-0000-c000-000000000000" }) =>
      `Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multifactor authentication to access '${resource}'.`,
  },
  50105: {
    error: "access_denied",
    text: ({ app = "", appName = "", user = "" }) =>
      `Your administrator has configured the application ${appName} ('${app}') to block users unless they are specifically granted ('assigned') access to the application. The signed in user '${user}' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator. Please contact your administrator to assign access to this application.`,
  },
  50158: { error: "interaction_required", text: () => "External security challenge was not satisfied." },
  50173: { error: "invalid_grant", text: () => "The provided grant has expired due to it being revoked, a fresh auth token is needed." },
  50177: {
    error: "invalid_grant",
    text: ({ user = "", tenant = "", app = "" }) =>
      `User account '${user}' from identity provider 'sandbox' does not exist in tenant '${tenant}' and cannot access the application '${app}' in that tenant.`,
  },
  53000: {
    error: "interaction_required",
    text: () => "Device is not in required device state: compliant. Conditional Access policy requires a compliant device.",
  },
  53001: { error: "interaction_required", text: () => "Device is not in required device state: domain_joined." },
  53003: {
    error: "interaction_required",
    text: () => "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
  },
  54005: {
    error: "invalid_grant",
    text: () => "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
  },
  65001: {
    error: "invalid_grant",
    suberror: "consent_required",
    text: ({ app = "", appName = "" }) =>
      `The user or administrator has not consented to use the application with ID '${app}' named '${appName}'. Send an interactive authorization request for this user and resource.`,
  },
  65004: { error: "access_denied", text: () => "User declined to consent to access the app." },
  70000: { error: "invalid_grant", text: () => "Provided grant is invalid or malformed." },
  70003: { error: "unsupported_grant_type", text: ({ grant = "" }) => `The app requested an unsupported grant type '${grant}'.` },
  70043: {
    error: "invalid_grant",
    text: () => "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access.",
  },
  90002: {
    error: "invalid_request",
    text: ({ tenant = "" }) =>
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  },
  90094: { error: "access_denied", text: () => "The grant requires admin permission." },
  90095: {
    error: "access_denied",
    text: () => "Admin consent is required for the permissions requested by this application. A consent request may be sent to the admin.",
  },
  500011: {
    error: "invalid_resource",
    text: ({ resource = "", tenant = "" }) =>
      `The resource principal named ${resource} was not found in the tenant named ${tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
  },
  500113: { error: "invalid_request", text: () => "No reply address is registered for the application." },
  500133: { error: "invalid_grant", text: () => "Assertion is not within its valid time range." },
  501481: {
    error: "invalid_grant",
    text: () => "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
  },
  530032: { error: "access_denied", text: () => "User blocked due to risk on the tenant's security policy." },
  530035: { error: "access_denied", text: () => "Access has been blocked by security defaults." },
  530036: { error: "access_denied", text: () => "Access has been blocked by Conditional Access authentication flow policies." },
  650051: {
    error: "access_denied",
    text: () =>
      "Using application is currently not supported for your organization because it is in an unmanaged state, or the service principal was just created.",
  },
  650052: {
    error: "access_denied",
    text: ({ appName = "" }) =>
      `The app '${appName}' is trying to access a service that your organization does not have a service principal for. Contact your IT Admin to review the configuration of your service subscriptions.`,
  },
  50166: { error: "invalid_request", text: ({ issuer }) => `Request to External OIDC endpoint failed: no keys are known of '${issuer}'.` },
  70021: {
    ...invalidClient,
    text: () =>
      "No matching federated identity record found for presented assertion. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
  },
  700027: {
    ...invalidClient,
    text: ({ app }) =>
      `The certificate with identifier used to sign the client assertion is not registered on application. Client app ID: ${app}.`,
  },
  700016: {
    error: "unauthorized_client",
    text: ({ app = "", tenant = "" }) =>
      `Application with identifier '${app}' was not found in the directory '${tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  },
  700025: { ...invalidClient, text: () => "Client is public so neither 'client_assertion' nor 'client_secret' should be presented." },
  700082: { error: "invalid_grant", text: () => "The refresh token has expired due to inactivity." },
  700084: {
    error: "invalid_grant",
    text: () => "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime.",
  },
  900144: {
    error: "invalid_request",
    text: ({ name = "" }) => `The request body must contain the following parameter: '${name}'.`,
  },
  1002012: {
    error: "invalid_scope",
    text: ({ scope = "" }) =>
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.`,
  },
  7000112: { error: "unauthorized_client", text: ({ app = "", appName = "" }) => `Application '${app}'(${appName}) is disabled.` },
  7000215: {
    ...invalidClient,
    text: ({ app = "" }) =>
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${app}'.`,
  },
  7000218: {
    ...invalidClient,
    text: () => "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  },
  7000222: {
    ...invalidClient,
    text: ({ app = "" }) =>
      `The provided client secret keys for app '${app}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
  },
  7000229: {
    ...invalidClient,
    text: ({ app = "", tenant = "" }) =>
      `The client application ${app} is missing service principal in the tenant ${tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119`,
  },
  9001023: {
    error: "invalid_request",
    text: () =>
      "The grant type 'client_credentials' isn't supported over the /common or /consumers endpoints. Use the tenant-specific endpoint.",
  },
  9002325: {
    error: "invalid_request",
    text: () => "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
  },
  9002327: {
    error: "invalid_request",
    text: () => "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
  },
};

/** A refusal of the sign-in service. */
export class StsFailure extends Error {
  readonly error: string;
  readonly status: number;
  readonly suberror: string | undefined;
  constructor(
    readonly number: number,
    about: Record<string, string> = {},
    /** What the next sign-in has to bring, as JSON. */
    readonly claims?: string,
  ) {
    const words = AADSTS[number] ?? { error: "access_denied", text: () => "The request was refused." };
    super(words.text(about));
    this.error = words.error;
    this.status = words.status ?? 400;
    this.suberror = words.suberror;
  }
}
