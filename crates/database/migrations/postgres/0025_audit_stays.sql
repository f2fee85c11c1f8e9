-- Rows of the audit log are only ever added. The digests show whoever changed one; this keeps a slip from doing it. A
-- log whose end is gone is thrown away as a whole, as a restore in place of it does.
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM audit_end) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'rows of the audit log are never removed';
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'rows of the audit log are never removed';
    END IF;
    RAISE EXCEPTION 'rows of the audit log are never changed';
END;
$$;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
