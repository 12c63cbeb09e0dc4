//! XMP packets with the pose, as DJI drones write them.
//!
//! In: a stamp. Out: an XMP packet. Refuses: nothing.

use super::Stamp;
use super::exif::SERIAL;

/// Identifier before the packet in an APP1 segment.
pub(super) const NAMESPACE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

fn packet(attributes: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in attributes {
        text.extend([
            "
   ", name, "=\"", value, "\"",
        ]);
    }
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n \
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  \
         <rdf:Description rdf:about=\"DJI Meta Data\"\n    \
         xmlns:tiff=\"http://ns.adobe.com/tiff/1.0/\"\n    \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n    \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n    \
         xmlns:xmpDM=\"http://ns.adobe.com/xmp/1.0/DynamicMedia/\"\n    \
         xmlns:drone-dji=\"http://www.dji.com/drone-dji/1.0/\"{text}>\n  \
         </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n{:1024}\n<?xpacket end=\"w\"?>",
        ""
    )
}

/// The packet of an M3T: signed numbers, the position included.
pub(super) fn m3t(stamp: &Stamp) -> String {
    let clock = stamp.clock('-', 'T');
    let degree = |value: f64| format!("{value:+.2}");
    packet(&[
        ("xmp:ModifyDate", format!("{clock}+00:00")),
        ("xmp:CreateDate", format!("{clock}+00:00")),
        ("tiff:Make", stamp.make.into()),
        ("tiff:Model", stamp.model.into()),
        ("dc:format", "image/jpg".into()),
        ("drone-dji:Version", "1.6".into()),
        ("drone-dji:ImageSource", "InfraredCamera".into()),
        ("drone-dji:GpsStatus", "GPS".into()),
        ("drone-dji:AltitudeType", "GpsFusionAlt".into()),
        ("drone-dji:GpsLatitude", format!("{:+.9}", stamp.latitude)),
        ("drone-dji:GpsLongitude", format!("{:+.9}", stamp.longitude)),
        (
            "drone-dji:AbsoluteAltitude",
            format!("{:+.3}", stamp.absolute),
        ),
        (
            "drone-dji:RelativeAltitude",
            format!("{:+.3}", stamp.relative),
        ),
        ("drone-dji:GimbalRollDegree", degree(stamp.roll)),
        ("drone-dji:GimbalYawDegree", degree(stamp.yaw)),
        ("drone-dji:GimbalPitchDegree", degree(stamp.pitch)),
        ("drone-dji:FlightRollDegree", degree(0.3)),
        ("drone-dji:FlightYawDegree", degree(stamp.yaw)),
        ("drone-dji:FlightPitchDegree", degree(-1.1)),
        ("drone-dji:FlightXSpeed", "0.0".into()),
        ("drone-dji:FlightYSpeed", "0.0".into()),
        ("drone-dji:FlightZSpeed", "0.0".into()),
        ("drone-dji:CamReverse", "0".into()),
        ("drone-dji:GimbalReverse", "0".into()),
        ("drone-dji:SelfData", String::new()),
        ("drone-dji:RtkFlag", "0".into()),
        ("drone-dji:UTCAtExposure", format!("{clock}.000000")),
        ("drone-dji:CameraSerialNumber", SERIAL.into()),
        ("drone-dji:DroneModel", stamp.model.into()),
        ("drone-dji:DroneSerialNumber", SERIAL.into()),
        ("drone-dji:LRFStatus", "Normal".into()),
        ("drone-dji:LRFTargetDistance", "0.000".into()),
        ("drone-dji:LRFTargetLon", "0.0000000".into()),
        ("drone-dji:LRFTargetLat", "0.0000000".into()),
        ("drone-dji:LRFTargetAlt", "0.000".into()),
        ("drone-dji:LRFTargetAbsAlt", "0.000".into()),
    ])
}

/// The packet of a Zenmuse: plain numbers, the position only in EXIF.
pub(super) fn zenmuse(stamp: &Stamp) -> String {
    let number = |value: f64| format!("{value:.6}");
    packet(&[
        ("xmpDM:cameraModel", stamp.model.into()),
        ("drone-dji:AbsoluteAltitude", number(stamp.absolute)),
        ("drone-dji:RelativeAltitude", number(stamp.relative)),
        ("drone-dji:GimbalRollDegree", number(stamp.roll)),
        ("drone-dji:GimbalYawDegree", number(stamp.yaw)),
        ("drone-dji:GimbalPitchDegree", number(stamp.pitch)),
        ("drone-dji:FlightRollDegree", number(0.3)),
        ("drone-dji:FlightYawDegree", number(stamp.yaw)),
        ("drone-dji:FlightPitchDegree", number(-1.1)),
        ("drone-dji:CamReverse", "0".into()),
        ("drone-dji:GimbalReverse", "0".into()),
        ("drone-dji:RtkFlag", "0".into()),
    ])
}
