/** Directory role template ids, and what each may do here (docs: rbac-application-apis-write, grant-admin-consent). */
const ROLE = {
  globalAdministrator: "62e90394-69f5-4237-9190-012177145e10",
  privilegedRoleAdministrator: "e8611ab8-c189-46e8-94e1-60213ab1f814",
  applicationAdministrator: "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
  cloudApplicationAdministrator: "158c047a-c907-4556-b7ef-446551a6b5f7",
} as const;
const ROLE_NAME: Record<string, string> = {
  [ROLE.globalAdministrator]: "Global Administrator",
  [ROLE.privilegedRoleAdministrator]: "Privileged Role Administrator",
  [ROLE.applicationAdministrator]: "Application Administrator",
  [ROLE.cloudApplicationAdministrator]: "Cloud Application Administrator",
  "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
  "cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer",
};
/** Least privileged first: who may do it, in the words of the plan. */
export const MAY = {
  register: ["Cloud Application Administrator", "Application Administrator", "Global Administrator"],
  grantDelegated: ["Cloud Application Administrator", "Application Administrator", "Privileged Role Administrator", "Global Administrator"],
  grantGraphApplication: ["Privileged Role Administrator", "Global Administrator"],
} as const;
const REGISTER: readonly string[] = [ROLE.globalAdministrator, ROLE.applicationAdministrator, ROLE.cloudApplicationAdministrator];
const GRANT_DELEGATED: readonly string[] = [...REGISTER, ROLE.privilegedRoleAdministrator];
const GRANT_GRAPH_APPLICATION: readonly string[] = [ROLE.globalAdministrator, ROLE.privilegedRoleAdministrator];

export type Abilities = { roleNames: string[]; canRegister: boolean; canGrantDelegated: boolean; canGrantApplication: boolean };

/** What a person's directory roles allow here. A custom role may allow more: Graph's own answer decides in the end. */
export function abilitiesOf(directoryRoles: readonly string[]): Abilities {
  const has = (roles: readonly string[]) => directoryRoles.some((role) => roles.includes(role));
  return {
    roleNames: directoryRoles.flatMap((role) => ROLE_NAME[role] ?? []),
    canRegister: has(REGISTER),
    canGrantDelegated: has(GRANT_DELEGATED),
    canGrantApplication: has(GRANT_GRAPH_APPLICATION),
  };
}
