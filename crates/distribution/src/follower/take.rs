//! Taking a manifest: what it names is fetched and held against its digests, taken in, looked at by the guards, and
//! written into the spool before anybody sees it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use repute_zone::Zone;
use repute_zone::guard::{self, Guards, Reach, Refusal};
use repute_zone::journal::Editor;
use repute_zone::parcel::{Parcel, ParcelError};
use tracing::{info, warn};

use super::error::FollowError;
use super::{Config, Followed, Work};
use crate::manifest::{Item, Manifest, is_later};
use crate::shelf::unix_now;
use crate::store::Store;

impl Work {
    /// Takes a manifest, if there is nothing wrong with it, and with what it names.
    pub(super) fn take(
        &self,
        followed: &mut Followed,
        manifest: Manifest,
        text: &str,
    ) -> Result<(), FollowError> {
        let now = unix_now();
        let age = now.saturating_sub(manifest.made);
        if now > *manifest.lifetime().end() {
            return Err(FollowError::Stale(age));
        }
        if now < *manifest.lifetime().start() {
            return Err(FollowError::Clock(manifest.made - now));
        }
        if let Some(known) = &followed.manifest {
            let goes_back = match manifest.origin.id == known.origin.id {
                true => is_later(manifest.serial, known.serial),
                false => manifest.origin.id < known.origin.id,
            };
            if goes_back {
                let (known, serial) = (known.serial, manifest.serial);
                return Err(FollowError::Back { known, serial });
            }
            let is_older = known.origin == manifest.origin && manifest.made < known.made;
            if is_older && manifest.serial == known.serial {
                return Ok(());
            }
        }
        if let Some((_, why)) = followed.refused.as_ref().filter(|(one, _)| one.says_as(&manifest))
        {
            return Err(FollowError::Guards(why.clone()));
        }
        let store = Store::of(&self.spool, &manifest.origin.apex);
        let fresh = self.fetch(followed, &manifest, &store)?;
        let is_served = followed.served.as_ref().is_some_and(|zone| {
            zone.serial() == manifest.serial
                && followed.manifest.as_ref().is_some_and(|known| {
                    (&known.origin, known.content) == (&manifest.origin, manifest.content)
                })
        });
        if !is_served {
            let editor = advance(followed.editor.take(), followed, &manifest, &fresh);
            let mut editor = match editor {
                Some(editor) => editor,
                None => build(&store, &manifest)?,
            };
            if editor.checksum() != manifest.content {
                return Err(FollowError::Content(manifest.serial));
            }
            let zone = Arc::clone(editor.zone());
            if let Err(why) = self.check(&zone, followed.served.as_deref(), &manifest) {
                followed.refused = Some((manifest, why.clone()));
                return Err(FollowError::Guards(why));
            }
            store.put_manifest(text).map_err(FollowError::Spool)?;
            self.serve(&zone, &manifest);
            (followed.editor, followed.served) = (Some(editor), Some(zone));
        } else {
            store.put_manifest(text).map_err(FollowError::Spool)?;
        }
        followed.refused = None;
        followed.good.retain(|item| manifest.items().any(|named| named == item));
        store.sweep(&manifest);
        followed.manifest = Some(manifest);
        self.compact(followed);
        Ok(())
    }

    /// Has the spool hold what a manifest needs; what of it is new.
    fn fetch(
        &self,
        followed: &mut Followed,
        manifest: &Manifest,
        store: &Store,
    ) -> Result<HashMap<String, Bytes>, FollowError> {
        let here = followed.editor.as_ref().map(Editor::serial);
        let way = here.and_then(|serial| manifest.way(serial)).unwrap_or_default();
        let mut fresh = HashMap::new();
        for item in manifest.parts().chain(way) {
            if followed.good.contains(item) {
                continue;
            }
            if item.length > self.config.max_size {
                return Err(FollowError::TooLarge(item.length, self.config.max_size));
            }
            let bytes = match store.read(item).map_err(FollowError::Spool)? {
                Some(bytes) => bytes,
                None => {
                    let bytes = self.portal.parcel(&manifest.origin, item)?;
                    if !item.is(&bytes) {
                        let (found, expected) = (bytes.len() as u64, item.length);
                        return Err(FollowError::Forged { file: item.file(), found, expected });
                    }
                    store.put_item(item, &bytes).map_err(FollowError::Spool)?;
                    bytes
                }
            };
            fresh.insert(item.file(), bytes);
            followed.good.push(*item);
        }
        Ok(fresh)
    }

    /// Looks whether a version may be served: nothing but what guards say, unless it was approved.
    fn check(&self, zone: &Zone, before: Option<&Zone>, manifest: &Manifest) -> Result<(), String> {
        let is_approved = manifest.approved != 0
            && before.is_none_or(|before| is_later(before.serial(), manifest.approved));
        if is_approved {
            return Ok(());
        }
        let Config { ipv4_prefix, ipv6_prefix, .. } = self.config;
        let guards = Guards {
            ipv4_prefix,
            ipv6_prefix,
            ipv4_growth: ipv4_prefix,
            ipv6_growth: ipv6_prefix,
            allow_empty: true,
            ..Guards::default()
        };
        let verdict = guard::check(zone, before, Reach::default(), &guards);
        match verdict.refusals.is_empty() {
            true => Ok(()),
            false => {
                let whats: Vec<String> = verdict.refusals.iter().map(Refusal::what).collect();
                Err(whats.join("; "))
            }
        }
    }

    /// Has a version served.
    fn serve(&self, zone: &Arc<Zone>, manifest: &Manifest) {
        self.outlet.serve(zone, manifest.made);
        let (apex, serial, entries) = (&manifest.origin.apex, manifest.serial, zone.entries());
        info!(
            zone = %apex, serial, entries,
            "`{apex}` follows with {entries} entries, serial {serial}"
        );
    }

    /// Builds the indexes anew if so much was laid over them that it is worth it.
    fn compact(&self, followed: &mut Followed) {
        let Followed { editor: Some(editor), served, manifest: Some(manifest), .. } = followed
        else {
            return;
        };
        if !editor.wants_compaction() {
            return;
        }
        match editor.compact() {
            Ok(zone) => {
                self.outlet.serve(zone, manifest.made);
                *served = Some(Arc::clone(zone));
                self.outlet.trim();
            }
            Err(error) => warn!(zone = %manifest.origin.apex, "cannot build anew: {error}"),
        }
    }
}

impl Manifest {
    /// Whether another says the same of the list, at whatever time.
    fn says_as(&self, other: &Manifest) -> bool {
        let key = |one: &Manifest| (one.origin.clone(), one.serial, one.approved, one.content);
        key(self) == key(other)
    }
}

/// Takes in what leads from where a list is to where it is to be; none if that is not known.
fn advance(
    editor: Option<Editor>,
    followed: &Followed,
    manifest: &Manifest,
    fresh: &HashMap<String, Bytes>,
) -> Option<Editor> {
    let mut editor = editor?;
    if followed.manifest.as_ref()?.origin != manifest.origin {
        return None;
    }
    for item in manifest.way(editor.serial())? {
        let parcel = open(fresh.get(&item.file())?.clone(), item, manifest).ok()?;
        editor.take(&parcel).ok()?;
    }
    if editor.checksum() != manifest.content {
        warn!(
            zone = %manifest.origin.apex,
            "`{}` is read anew: what was served under the serials before was another list than the portal's now, as \
             after its database was put back", manifest.origin.apex
        );
        return None;
    }
    Some(editor)
}

/// Builds a list of what is in the spool.
pub(super) fn build(store: &Store, manifest: &Manifest) -> Result<Editor, FollowError> {
    let mut editor: Option<Editor> = None;
    for item in manifest.parts() {
        let bytes = store.read(item).map_err(FollowError::Spool)?;
        let bytes = bytes.ok_or_else(|| FollowError::Spoilt(store.path(item)))?;
        let parcel = open(bytes, item, manifest)?;
        match &mut editor {
            None => editor = Some(Editor::of_parcel(&parcel)?),
            Some(editor) => drop(editor.take(&parcel)?),
        }
    }
    editor.ok_or(FollowError::Parcel(ParcelError::NoParcel))
}

/// Opens the bytes of an item.
fn open(bytes: Bytes, item: &Item, manifest: &Manifest) -> Result<Parcel, FollowError> {
    let parcel = Parcel::open(bytes)?;
    let is_it = (parcel.from(), parcel.to()) == (item.from, item.to);
    match is_it && *parcel.apex() == manifest.origin.apex {
        true => Ok(parcel),
        false => Err(FollowError::Parcel(ParcelError::Inconsistent(0))),
    }
}
