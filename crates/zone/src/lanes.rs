//! Copying what is short and of no fixed length, as questions and texts are.
//!
//! For a few dozen bytes the call of the C library's function takes longer than the copy.

/// Copies bytes of which there are a few dozen: whole lanes, and a last one that may overlap them.
///
/// # Panics
/// If the two are not of one length.
#[inline(always)]
pub fn copy_short(from: &[u8], to: &mut [u8]) {
    let (lanes, _) = from.as_chunks::<16>();
    let (places, _) = to.as_chunks_mut::<16>();
    for (place, lane) in places.iter_mut().zip(lanes) {
        *place = *lane;
    }
    assert_eq!(from.len(), to.len(), "both have one length");
    match (to.last_chunk_mut::<16>(), from.last_chunk::<16>()) {
        (Some(place), Some(lane)) => *place = *lane,
        _ => to.copy_from_slice(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_no_more() {
        let from: Vec<u8> = (1..=100).collect();
        for len in 0..=100 {
            let mut to = [0; 101];
            copy_short(&from[..len], &mut to[..len]);
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|byte| *byte == 0), "{len}");
        }
    }
}
