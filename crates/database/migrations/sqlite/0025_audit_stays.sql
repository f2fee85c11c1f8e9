-- Rows of the audit log are only ever added. The digests show whoever changed one; this keeps a slip from doing it. A
-- log whose end is gone is thrown away as a whole, as a restore in place of it does.
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit log are never changed');
END;
CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit WHEN EXISTS (SELECT 1 FROM audit_end)
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit log are never removed');
END;
