// What an entry says, in plain words.
// In: an entry. Out: a title, one line for the list, facts for the detail. Adds nothing that the entry does not hold.

import { plural } from "./dom.js";

const DECISIONS = {
  approve: "publish with the run's masks and those added",
  reject: "never publish",
  release: "publish as it is, with less hidden than the run would",
  confirm: "a published frame was looked at and is right",
};
const REASONS = {
  "beyond-envelope": "The models were not evaluated for frames like this one, so nobody can say what they would miss.",
  "self-check": "After masking, the models still found something.",
  "out-of-time": "Work on it took longer than the run allows, and was ended.",
  "detector-failed": "A model could not look to its end. Nothing found is not the same as nothing there.",
};

/** Seconds since 1970 as a date and time in UTC. */
export function time(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Inclusive ranges as "0\u20134, 7". */
export function ranges(list) {
  return list.map(([first, last]) => (first === last ? `${first}` : `${first}\u2013${last}`)).join(", ");
}

/** Bytes in the unit that a person would use. */
export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** "2 persons, 1 window": how often each class was found. */
function tally(found) {
  const counts = new Map();
  found.forEach((find) => counts.set(find.class, (counts.get(find.class) ?? 0) + 1));
  return [...counts].sort().map(([name, count]) => `${count} \u00d7 ${name}`).join(", ");
}

function boxes(list) {
  return plural(list?.length ?? 0, "box", "boxes");
}

function who(entry) {
  if (entry.line === "model") return `Model ${entry.model}`;
  if (entry.line === "warm-spots") return "Warm spots";
  return entry.line === "carry" ? `Carried from frame ${entry.source}` : entry.line;
}

function degrees([value, uncertainty]) {
  return `${(value / 1000).toFixed(1)} \u00b1 ${(uncertainty / 1000).toFixed(1)} \u00b0C`;
}

/** For each type: title, line for the list, facts. */
const TYPES = {
  "run.opened": (e) => ({
    title: "The run began",
    line: `${e.manifest.count} frames taken in; operator: ${e.operator || "not given"}`,
    facts: [["When", time(e.at)], ["Operator", e.operator || "not given"], ["Purpose", e.purpose || "not given"],
      ["Recipients", e.recipients.join(", ") || "none named"], ["Frames taken in", String(e.manifest.count)],
      ["Who looks", e.lines.join(", ")], ["Models", e.models.map((model) => model.name).join(", ")],
      ["Outside the models' evaluation", e.beyond_envelope ? `published all the same: \u201c${e.beyond_envelope}\u201d` : "withheld"],
      ["Inputs were sealed to", e.intake_key],
      ["Software", [`heatveil ${e.heatveil}`, ...e.libraries].join(", ")]],
  }),
  "frame.ingested": (e) => ({
    title: `Frame ${e.frame} was taken in`,
    line: e.camera || e.format || "not decoded",
    facts: [["Camera", e.camera || "not known"], ["Format", e.format || "not decoded"], ["File", `${size(e.bytes)}${e.sealed ? ", sealed" : ""}`],
      ["Commitment", e.commitment]],
  }),
  "frame.detected": (e) => ({
    title: e.round === 0 ? `${who(e)} looked at frame ${e.frame}` : `${who(e)} looked again at masked frame ${e.frame}`,
    line: e.skipped ? `${who(e)}: left out, ${e.skipped}` : `${who(e)}: ${tally(e.found) || "nothing"}`,
    facts: [["Who looked", who(e)], ["When", e.round === 0 ? "before masking" : `self-check, round ${e.round}`],
      ["Left out because", e.skipped], ["Found", tally(e.found) || "nothing"],
      ["Sure finds", e.found.length ? String(e.found.filter((find) => find.sure).length) : null]],
    boxes: e.found.map((find) => ({ name: find.class, box: find.box, score: find.score, sure: find.sure })),
  }),
  "frame.masked": (e) => ({
    title: `Frame ${e.frame} was masked and may be published`,
    line: `published, ${e.masked_pixels} pixels hidden`,
    facts: [["Hidden", `${e.masked_pixels} pixels, in steps of ${e.grid_px}`], ["Margin on the ground", `${e.padding_mm} mm each side`],
      ["What hides", e.policies.map(({ class: name, policy }) => `${name}: ${policy === "nodata" ? "no data" : policy}`).join(", ")],
      ["Self-check", e.self_check.rounds === 0 ? "found nothing more" : `found ${e.self_check.found} more; the mask grew ${e.self_check.rounds} times`],
      ["People decided", e.reviewed && `${e.reviewed.decision}: ${boxes(e.reviewed.hide)} hidden, ${boxes(e.reviewed.open)} opened`],
      ["Mask", e.mask_sha256], ["Redacted frame", e.output_sha256]],
  }),
  "frame.withheld": (e) => ({
    title: `Frame ${e.frame} was withheld`,
    line: `withheld: ${e.detail || e.reason}`,
    facts: [["Reason", e.reason], ["In words", e.detail], ["What that means", REASONS[e.reason]],
      ["Published", "nothing of it, unless a person decides"]],
  }),
  "frame.rejected": (e) => ({
    title: `Frame ${e.frame} was rejected`,
    line: `rejected: ${e.detail || e.reason}`,
    facts: [["Reason", e.reason], ["In words", e.detail], ["Published", "nothing of it: the file is not usable"]],
  }),
  "frame.placed": (e) => ({
    title: `Frame ${e.frame} was placed by its neighbours`,
    line: `placed by ${e.matches} matches`,
    facts: [["Moved", `${e.shift_mm[0]} mm east, ${e.shift_mm[1]} mm north, ${e.shift_mm[2]} mm up`],
      ["Turned", `${e.turn_urad.map((turn) => (turn * 180 / Math.PI / 1e6).toFixed(2)).join("\u00b0, ")}\u00b0 (yaw, pitch, roll)`],
      ["Temperatures", `${e.offset_mk >= 0 ? "+" : ""}${(e.offset_mk / 1000).toFixed(2)} K`], ["Matches", String(e.matches)]],
  }),
  "tile.emitted": (e) => ({
    title: "A file was published",
    line: `${e.path} (${size(e.bytes)})`,
    facts: [["File", e.path], ["Length", size(e.bytes)], ["May show frames", ranges(e.source_frames) || "none"],
      ["SHA-256", e.sha256]],
  }),
  "flight.placed": (e) => ({
    title: "A flight was laid on the ground",
    line: `frames ${ranges(e.frames)}: yaw from the ${e.yaw}`,
    facts: [["Frames", ranges(e.frames)], ["Yaw", `from the ${e.yaw}: ${e.reason}`], ["Ground", e.ground || "not told"],
      ["Agreement of frames", e.agreement || "not told"], ["Poses by other software", e.poses || "none"]],
  }),
  "objection.applied": (e) => ({
    title: "Homes were taken out of the map",
    line: `${e.count} objections applied`,
    facts: [["Objections that touch the map", String(e.count)], ["Margin", `${e.margin_mm} mm`], ["Commitment to the list", e.commitment]],
  }),
  "heatloss.parameters": (e) => ({
    title: "What heat loss was worked out with",
    line: `air ${degrees(e.air_mk)}, grade ${e.grade}`,
    facts: [["Air", degrees(e.air_mk)], ["Sky", `${degrees(e.sky_mk)} (${e.sky_source})`], ["Inside", degrees(e.indoor_mk)],
      ["Wind", `${(e.wind_mm_s[0] / 1000).toFixed(1)} \u00b1 ${(e.wind_mm_s[1] / 1000).toFixed(1)} m/s`],
      ["Best grade the weather allows", e.grade], ["Method", e.method]],
  }),
  "buildings.emitted": (e) => ({
    title: "The table of buildings was published",
    line: `${e.buildings} buildings, ${e.measured} measured`,
    facts: [["Buildings", `${e.buildings}, ${e.measured} of them with a temperature`], ["May tell of frames", ranges(e.source_frames)],
      ["Files", e.files.map((file) => file.path).join(", ")]],
  }),
  "run.resumed": (e) => ({
    title: "The run went on after an interruption", line: `${e.frames} frames had their outcome`,
    facts: [["When", time(e.at)], ["Frames done by then", String(e.frames)]],
  }),
  "run.closed": (e) => ({
    title: "The run ended",
    line: `${e.published} published, ${e.withheld} withheld, ${e.rejected} rejected`,
    facts: [["When", time(e.at)], ["Frames", String(e.total)], ["Published", String(e.published)], ["Withheld", String(e.withheld)],
      ["Rejected", String(e.rejected)]],
  }),
  "review.decided": (e) => ({
    title: `A person decided about frame ${e.frame}`,
    line: `${e.decision}: ${e.reason || "no reason written"}`,
    facts: [["When", time(e.at)], ["Decision", `${e.decision}: ${DECISIONS[e.decision] ?? "not known to this page"}`], ["Reason", e.reason],
      ["Also hidden", e.hide.length ? boxes(e.hide) : null], ["Opened again", e.open?.length ? boxes(e.open) : null],
      ["Signed by", e.signatures.map(({ key }) => key.split("+")[0]).join(", ")]],
  }),
  "release.approved": (e) => ({
    title: "The files may be handed on",
    line: `to ${e.recipient}, approved by ${e.approver}`,
    facts: [["When", time(e.at)], ["Recipient", e.recipient], ["Approver", e.approver], ["Entries covered", String(e.size)]],
  }),
  "raw.deleted": (e) => ({
    title: "Evidence of deletion",
    line: `${e.category}: ${e.files} files deleted, ${e.left} left`,
    facts: [["When", time(e.at)], ["Due", time(e.due)], ["What", e.category], ["Deleted", `${e.files} files, ${size(e.bytes)}`],
      ["Gone before", String(e.missing)], ["Still found", String(e.left)],
      ["Key destroyed with them", e.destroyed_key && `${e.destroyed_key}: what was sealed to it cannot be opened any more`]],
  }),
};

/** What an entry says. Never throws: an entry that is not as expected is shown as it stands. */
export function inWords(entry) {
  if (entry === null) return { title: "Not an entry", line: "this line is not an entry in canonical form", facts: [] };
  try {
    return TYPES[entry.type](entry);
  } catch {
    return { title: entry.type, line: "not known to this page: read the line itself", facts: [] };
  }
}
