//! Simple values of the XMP namespaces that drones use (ISO 16684-1), as attributes or elements, whatever
//! their prefix.

use std::collections::BTreeMap;

use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Namespaces on the allow-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Namespace {
    /// DJI's drones.
    Dji,
    /// `Pix4D`'s camera tags.
    Pix4d,
    /// Dynamic media: the camera's model.
    Media,
}

const NAMESPACES: [(&str, Namespace); 4] = [
    ("http://www.dji.com/drone-dji/1.0/", Namespace::Dji),
    ("http://pix4d.com/camera/1.0/", Namespace::Pix4d),
    ("http://pix4d.com/camera/1.0", Namespace::Pix4d),
    (
        "http://ns.adobe.com/xmp/1.0/DynamicMedia/",
        Namespace::Media,
    ),
];

/// Values longer than this are no numbers or names.
const MAX_VALUE: usize = 256;
/// More values than this are no drone's.
const MAX_VALUES: usize = 1024;
/// Longer packets, and more of them, are no drone's: they have some kilobytes, and the time to read one grows with the square of its length
/// where its elements lie in each other.
const MAX_PACKET: usize = 1 << 18;
const MAX_PACKETS: usize = 16;

/// Simple values by namespace and name; the first of equal names wins.
#[derive(Debug, Default)]
pub(super) struct Xmp {
    packets: usize,
    values: BTreeMap<(Namespace, String), String>,
}

impl Xmp {
    /// Adds the values of one packet; stops where it is not well-formed, and leaves out what no drone writes.
    pub(super) fn read(&mut self, packet: &[u8]) {
        self.packets += 1;
        if packet.len() > MAX_PACKET || self.packets > MAX_PACKETS {
            return;
        }
        let mut reader = NsReader::from_reader(packet);
        let mut open: Option<(Namespace, String)> = None;
        let mut buffer = Vec::new();
        while self.values.len() < MAX_VALUES {
            buffer.clear();
            match reader.read_event_into(&mut buffer) {
                Ok(Event::Start(element) | Event::Empty(element)) => {
                    let (space, local) = reader.resolver().resolve_element(element.name());
                    open = key(&space, local.as_ref());
                    for attribute in element.attributes().flatten() {
                        let (space, local) = reader.resolver().resolve_attribute(attribute.key);
                        if let Some(key) = key(&space, local.as_ref()) {
                            self.insert(key, attribute.value.as_ref());
                        }
                    }
                }
                Ok(Event::Text(text)) => {
                    if let Some(key) = open.take() {
                        self.insert(key, text.as_ref());
                    }
                }
                Ok(Event::End(_)) => open = None,
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn insert(&mut self, key: (Namespace, String), value: &str) {
        if value.len() <= MAX_VALUE {
            self.values
                .entry(key)
                .or_insert_with(|| value.trim().to_owned());
        }
    }

    /// A value as text.
    pub(super) fn text(&self, namespace: Namespace, name: &str) -> Option<&str> {
        self.values
            .get(&(namespace, name.to_owned()))
            .map(String::as_str)
    }

    /// A value as a finite number, such as `+87.243`.
    pub(super) fn number(&self, namespace: Namespace, name: &str) -> Option<f64> {
        self.text(namespace, name)?
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }

    /// Whether any name of the namespace contains `part`.
    pub(super) fn names_contain(&self, namespace: Namespace, part: &str) -> bool {
        self.values
            .keys()
            .any(|(space, name)| *space == namespace && name.contains(part))
    }
}

fn key(space: &ResolveResult<'_>, local: &str) -> Option<(Namespace, String)> {
    let ResolveResult::Bound(uri) = space else {
        return None;
    };
    let namespace = NAMESPACES
        .iter()
        .find(|(known, _)| *known == uri.as_ref())?
        .1;
    (local.len() <= MAX_VALUE).then_some(())?;
    Some((namespace, local.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Xmp {
        let mut xmp = Xmp::default();
        xmp.read(text.as_bytes());
        xmp
    }

    #[test]
    fn attributes_and_elements_are_read_under_any_prefix() {
        let xmp = read(
            "<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><r:Description xmlns:r='rdf' \
             xmlns:q='http://www.dji.com/drone-dji/1.0/' q:RelativeAltitude=\"+87.243\">\
             <q:GimbalPitchDegree>-90.0</q:GimbalPitchDegree></r:Description></x:xmpmeta>",
        );
        assert_eq!(xmp.number(Namespace::Dji, "RelativeAltitude"), Some(87.243));
        assert_eq!(xmp.number(Namespace::Dji, "GimbalPitchDegree"), Some(-90.0));
        assert_eq!(xmp.number(Namespace::Pix4d, "GimbalPitchDegree"), None);
    }

    #[test]
    fn entities_are_not_expanded_and_broken_packets_end_quietly() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'>]><a xmlns:q='http://www.dji.com/drone-dji/1.0/'>\
                    <q:RelativeAltitude>&b;</q:RelativeAltitude><unclosed";
        assert_eq!(read(bomb).number(Namespace::Dji, "RelativeAltitude"), None);
        assert_eq!(read("<a q:b='1'").text(Namespace::Dji, "b"), None);
    }

    #[test]
    fn packets_that_no_drone_writes_are_not_read() {
        let packet = |blanks: usize| {
            let blanks = " ".repeat(blanks);
            format!("<a xmlns:q='http://www.dji.com/drone-dji/1.0/'{blanks} q:A='1'/>")
        };
        assert_eq!(read(&packet(0)).number(Namespace::Dji, "A"), Some(1.0));
        assert_eq!(read(&packet(MAX_PACKET)).number(Namespace::Dji, "A"), None);
        let mut late = Xmp::default();
        (0..MAX_PACKETS).for_each(|_| late.read(b"<a/>"));
        late.read(packet(0).as_bytes());
        assert_eq!(late.number(Namespace::Dji, "A"), None);
    }

    #[test]
    fn what_is_not_a_finite_number_is_absent() {
        let xmp = read(
            "<a xmlns:q='http://www.dji.com/drone-dji/1.0/' q:A='NaN' q:B='inf' q:C='1e400'/>",
        );
        for name in ["A", "B", "C"] {
            assert_eq!(xmp.number(Namespace::Dji, name), None);
        }
    }
}
