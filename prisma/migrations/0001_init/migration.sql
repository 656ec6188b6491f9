
-- CreateTable
CREATE TABLE "Onboarding" (
    "id" UUID NOT NULL,
    "vendorId" TEXT NOT NULL,
    "productId" TEXT NOT NULL,
    "customerName" TEXT NOT NULL,
    "expectedDomain" TEXT NOT NULL,
    "adminEmail" TEXT NOT NULL,
    "contactEmail" TEXT NOT NULL,
    "offered" TEXT[],
    "inviteDigest" TEXT NOT NULL,
    "invitedBy" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "status" TEXT NOT NULL,
    "waitingFor" TEXT NOT NULL,
    "waitingSince" TIMESTAMPTZ(3) NOT NULL,
    "lastEvent" TEXT NOT NULL,
    "lastEventAt" TIMESTAMPTZ(3) NOT NULL,
    "tenantId" TEXT,
    "state" JSONB NOT NULL,
    "headSeq" INTEGER NOT NULL,
    "headHash" TEXT NOT NULL,
    "leaseHolder" TEXT,
    "leaseUntil" TIMESTAMPTZ(3),

    CONSTRAINT "Onboarding_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "id" BIGSERIAL NOT NULL,
    "onboardingId" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "actor" JSONB NOT NULL,
    "detail" JSONB NOT NULL,
    "prevHash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Session" (
    "digest" TEXT NOT NULL,
    "tenantId" TEXT NOT NULL,
    "objectId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "username" TEXT NOT NULL,
    "wids" TEXT[],
    "roles" TEXT[],
    "sealed" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Session_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "Handoff" (
    "id" UUID NOT NULL,
    "onboardingId" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "proofHash" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revealedAt" TIMESTAMPTZ(3),
    "heldKey" BYTEA,

    CONSTRAINT "Handoff_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "HandoffCipher" (
    "handoffId" UUID NOT NULL,
    "part" TEXT NOT NULL,
    "scheme" TEXT NOT NULL,
    "boundTo" TEXT NOT NULL,
    "outer" BYTEA NOT NULL,
    "wrappedKey" BYTEA NOT NULL,

    CONSTRAINT "HandoffCipher_pkey" PRIMARY KEY ("handoffId","part")
);

-- CreateIndex
CREATE UNIQUE INDEX "Onboarding_inviteDigest_key" ON "Onboarding"("inviteDigest");

-- CreateIndex
CREATE INDEX "Onboarding_vendorId_lastEventAt_idx" ON "Onboarding"("vendorId", "lastEventAt" DESC);

-- CreateIndex
CREATE INDEX "Onboarding_tenantId_productId_idx" ON "Onboarding"("tenantId", "productId");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_onboardingId_seq_key" ON "AuditEvent"("onboardingId", "seq");

-- CreateIndex
CREATE INDEX "Session_expiresAt_idx" ON "Session"("expiresAt");

-- CreateIndex
CREATE INDEX "Handoff_onboardingId_idx" ON "Handoff"("onboardingId");

-- CreateIndex
CREATE INDEX "Handoff_state_expiresAt_idx" ON "Handoff"("state", "expiresAt");

-- AddForeignKey
ALTER TABLE "AuditEvent" ADD CONSTRAINT "AuditEvent_onboardingId_fkey" FOREIGN KEY ("onboardingId") REFERENCES "Onboarding"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Handoff" ADD CONSTRAINT "Handoff_onboardingId_fkey" FOREIGN KEY ("onboardingId") REFERENCES "Onboarding"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "HandoffCipher" ADD CONSTRAINT "HandoffCipher_handoffId_fkey" FOREIGN KEY ("handoffId") REFERENCES "Handoff"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- The audit trail only grows. The semicolon of the body is written as \x3b: the driver adapter splits scripts at semicolons.
CREATE FUNCTION audit_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS E'
BEGIN
  RAISE EXCEPTION \'AuditEvent is append-only: % is refused\', TG_OP USING ERRCODE = \'insufficient_privilege\'\x3b
END';
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON "AuditEvent"
  FOR EACH ROW EXECUTE FUNCTION audit_event_is_append_only();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON "AuditEvent"
  FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_append_only();

ALTER TABLE "Handoff" ADD CONSTRAINT "Handoff_state_check" CHECK ("state" IN ('pending', 'revealed', 'expired', 'revoked'));
