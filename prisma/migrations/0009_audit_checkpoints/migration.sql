-- CreateTable
CREATE TABLE "AuditCheckpoint" (
    "number" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "root" TEXT NOT NULL,
    "heads" INTEGER NOT NULL,
    "prev" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "publicKey" TEXT NOT NULL,
    "signature" TEXT NOT NULL,

    CONSTRAINT "AuditCheckpoint_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "AuditHead" (
    "checkpoint" INTEGER NOT NULL,
    "onboardingId" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditHead_pkey" PRIMARY KEY ("checkpoint","onboardingId")
);

-- CreateIndex
CREATE INDEX "AuditHead_onboardingId_seq_idx" ON "AuditHead"("onboardingId", "seq" DESC);

-- Checkpoints only grow, like the trail. The semicolon of the body is written as \x3b: the driver adapter splits scripts at semicolons.
CREATE FUNCTION is_append_only() RETURNS trigger LANGUAGE plpgsql AS E'
BEGIN
  RAISE EXCEPTION \'% is append-only: % is refused\', TG_TABLE_NAME, TG_OP USING ERRCODE = \'insufficient_privilege\'\x3b
END';
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON "AuditCheckpoint"
  FOR EACH ROW EXECUTE FUNCTION is_append_only();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON "AuditCheckpoint"
  FOR EACH STATEMENT EXECUTE FUNCTION is_append_only();
CREATE TRIGGER audit_head_append_only BEFORE UPDATE OR DELETE ON "AuditHead"
  FOR EACH ROW EXECUTE FUNCTION is_append_only();
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON "AuditHead"
  FOR EACH STATEMENT EXECUTE FUNCTION is_append_only();
