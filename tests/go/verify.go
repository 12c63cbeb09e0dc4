// Verifies a heatveil run with the Go project's own packages and none of heatveil's code.
//
//	verify DIR LOG-KEY-FILE [OLDER-CHECKPOINT]
//	verify -proof PROOF-FILE PUBLISHED-FILE LOG-KEY-FILE
//
// In a folder it checks the checkpoint's signature, recomputes the Merkle root from audit/entries.jsonl, compares every hash tile and entry
// bundle, the SHA-256 of every published file that an entry names, every proof (inclusion, C2SP tlog-proof), every cosignature (C2SP
// tlog-cosignature) and every release statement (DSSE), and, where an older checkpoint is given, that it is a beginning of this log.
//
// It asks whether the entries account for every frame of the manifest (story.go). It cannot see what tiles show, or whether the detector was
// right. The other rules of docs/audit-log.md (the order of looks, which frames a file shows, what people may decide), files that no entry
// names and what a release statement says it leaves to `heatveil verify`.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type head struct {
	size int64
	root tlog.Hash
}

// open checks the signatures of a checkpoint (C2SP tlog-checkpoint) and reads its tree head; the first verifier is the log's.
func open(name string, text []byte, verifiers ...note.Verifier) (head, *note.Note, error) {
	signed, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		return head{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(signed.Sigs) != len(verifiers) || signed.Sigs[0].Hash != verifiers[0].KeyHash() {
		return head{}, nil, fmt.Errorf("%s: not signed by all that should have", name)
	}
	for _, sig := range signed.Sigs {
		// Go's package lets the last, unused bits of base64 be anything.
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return head{}, nil, fmt.Errorf("%s: a signature is not written as it should be", name)
		}
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != verifiers[0].Name() {
		return head{}, nil, fmt.Errorf("%s: not a checkpoint of %s", name, verifiers[0].Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return head{}, nil, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return head{}, nil, fmt.Errorf("%s: the root is not a hash", name)
	}
	return head{size, tlog.Hash(*(*[tlog.HashSize]byte)(root))}, signed, nil
}

// cosigner checks signatures of type 0x04 (C2SP tlog-cosignature).
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize || binary.BigEndian.Uint64(sig) > math.MaxInt64 {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), text)
	return ed25519.Verify(c.key, []byte(message), sig[8:])
}

func newCosigner(vkey string) (cosigner, error) {
	parts := strings.SplitN(strings.TrimSuffix(vkey, "\n"), "+", 3)
	if len(parts) != 3 || !strings.HasSuffix(vkey, "\n") {
		return cosigner{}, errors.New("not a verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return cosigner{}, errors.New("not a key of type 0x04")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	// Written anew: Go's package passes over line breaks within base64.
	if vkey != fmt.Sprintf("%s+%08x+%s\n", parts[0], hash, base64.StdEncoding.EncodeToString(key)) {
		return cosigner{}, errors.New("the key is not written as it should be")
	}
	return cosigner{parts[0], hash, key[1:]}, nil
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(h)) {
			return nil, errors.New("the log is too short")
		}
		read[i] = h[index]
	}
	return read, nil
}

// tilePath turns Go's older path into that of C2SP tlog-tiles.
func tilePath(tile tlog.Tile, level string) string {
	return path.Join("audit/tile", level, strings.SplitN(tile.Path(), "/", 4)[3])
}

func check(dir fs.FS, name string, expected []byte) error {
	found, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(found, expected) {
		return fmt.Errorf("%s does not belong to the log", name)
	}
	return nil
}

// file is what an entry says of a published file.
type file struct {
	Path   string
	Sha256 string
	Bytes  int64
}

// entry holds the members that are looked at here.
type entry struct {
	Type string
	file
	// Of buildings; of a deletion, a number.
	Files     json.RawMessage
	Statement string `json:"statement_sha256"`
	Size      int64
	Root      string
}

func (e entry) published() []file {
	switch e.Type {
	case "tile.emitted":
		return []file{e.file}
	case "buildings.emitted":
		var files []file
		if json.Unmarshal(e.Files, &files) != nil {
			return []file{{Path: "a table of buildings that cannot be read"}}
		}
		return files
	}
	return nil
}

func (f file) is(found []byte) error {
	sum := sha256.Sum256(found)
	if hex.EncodeToString(sum[:]) != f.Sha256 || int64(len(found)) != f.Bytes {
		return fmt.Errorf("%s is not the file of the log", f.Path)
	}
	return nil
}

type log struct {
	head
	story
	stored hashes
	lines  [][]byte
	files  []file
	// Decisions after the run, by type, and releases in order.
	after    map[string]int
	releases []entry
}

func readLog(dir fs.FS) (*log, error) {
	opened, err := dir.Open("audit/entries.jsonl")
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	l := &log{after: map[string]int{}}
	reader := bufio.NewReaderSize(opened, 1<<20)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				return nil, errors.New("the last line is torn")
			}
			break
		}
		line = line[:len(line)-1]
		added, err := tlog.StoredHashes(int64(len(l.lines)), line, l.stored)
		if err != nil {
			return nil, err
		}
		// Leaf hashes once more by hand: SHA-256(0x00 || line).
		if sha256.Sum256(append([]byte{0}, line...)) != added[0] {
			return nil, errors.New("leaf hashes are not SHA-256(0x00 || line)")
		}
		l.stored = append(l.stored, added...)
		l.lines = append(l.lines, line)
		kind, err := l.take(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(l.lines), err)
		}
		// Only these are looked into.
		if aftermath[kind] || strings.HasSuffix(kind, ".emitted") {
			var e entry
			if err := json.Unmarshal(line, &e); err != nil {
				return nil, fmt.Errorf("line %d: %w", len(l.lines), err)
			}
			l.files = append(l.files, e.published()...)
			if aftermath[kind] {
				l.after[kind]++
			}
			if kind == "release.approved" {
				l.releases = append(l.releases, e)
			}
		}
	}
	if err := l.end(); err != nil {
		return nil, err
	}
	l.size = int64(len(l.lines))
	l.root, err = tlog.TreeHash(l.size, l.stored)
	return l, err
}

// isBeginning checks that a signed tree head belongs to the first entries.
func (l *log) isBeginning(name string, older head) error {
	if older.size > l.size {
		return fmt.Errorf("%s covers %d entries, the log has %d", name, older.size, l.size)
	}
	proof, err := tlog.ProveTree(l.size, older.size, l.stored)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, l.size, l.root, older.size, older.root); err != nil {
		return fmt.Errorf("%s is not a beginning of this log: %w", name, err)
	}
	return nil
}

func (l *log) checkTiles(dir fs.FS) error {
	tiles := tlog.NewTiles(8, 0, l.size)
	for i, tile := range tiles {
		// Older versions list every width of a partial tile; the files hold the last.
		if i+1 < len(tiles) && tiles[i+1].L == tile.L && tiles[i+1].N == tile.N {
			continue
		}
		data, err := tlog.ReadTileData(tile, l.stored)
		if err != nil {
			return err
		}
		if err := check(dir, tilePath(tile, strconv.Itoa(tile.L)), data); err != nil {
			return err
		}
		if tile.L > 0 {
			continue
		}
		var bundle bytes.Buffer
		first := tile.N << 8
		for _, line := range l.lines[first : first+int64(tile.W)] {
			binary.Write(&bundle, binary.BigEndian, uint16(len(line)))
			bundle.Write(line)
		}
		if err := check(dir, tilePath(tile, "entries"), bundle.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// checkProof checks a proof (C2SP tlog-proof@v1) by itself and returns the files that its entry publishes.
func checkProof(name string, text []byte, verifier note.Verifier) (entry, head, error) {
	wrong := func(what string) (entry, head, error) {
		return entry{}, head{}, fmt.Errorf("%s: %s", name, what)
	}
	start := bytes.Index(text, []byte("\n\n"))
	if start < 0 {
		return wrong("no checkpoint")
	}
	signed, _, err := open(name, text[start+2:], verifier)
	if err != nil {
		return entry{}, head{}, err
	}
	lines := strings.Split(string(text[:start]), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return wrong("not a proof")
	}
	line, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil || !strings.HasPrefix(lines[1], "extra ") {
		return wrong("no entry")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil || lines[2] != fmt.Sprintf("index %d", index) {
		return wrong("no index")
	}
	var proof tlog.RecordProof
	for _, text := range lines[3:] {
		hash, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(hash) != tlog.HashSize {
			return wrong("a line is not a hash")
		}
		proof = append(proof, tlog.Hash(*(*[tlog.HashSize]byte)(hash)))
	}
	if err := tlog.CheckRecord(proof, signed.size, signed.root, index, tlog.RecordHash(line)); err != nil {
		return wrong(err.Error())
	}
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return wrong(err.Error())
	}
	return e, signed, nil
}

// checkRelease checks a statement's DSSE envelope against its entry.
func (l *log) checkRelease(dir fs.FS, number int, e entry) error {
	name := "release/statement.dsse.json"
	if number > 0 {
		name = fmt.Sprintf("release/statement-%d.dsse.json", number+1)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if err := (file{name, e.Statement, int64(len(text))}).is(text); err != nil {
		return err
	}
	var envelope struct {
		Payload     []byte
		PayloadType string
		Signatures  []struct {
			KeyID string
			Sig   []byte
		}
	}
	if err := json.Unmarshal(text, &envelope); err != nil || len(envelope.Signatures) != 1 {
		return fmt.Errorf("%s: not an envelope with one signature", name)
	}
	signer, err := note.NewVerifier(envelope.Signatures[0].KeyID)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	signed := fmt.Sprintf("DSSEv1 %d %s %d %s", len(envelope.PayloadType), envelope.PayloadType,
		len(envelope.Payload), envelope.Payload)
	if !signer.Verify([]byte(signed), envelope.Signatures[0].Sig) {
		return fmt.Errorf("%s: the signature does not verify", name)
	}
	root, err := hex.DecodeString(e.Root)
	if err != nil || len(root) != tlog.HashSize {
		return fmt.Errorf("%s: no root", name)
	}
	return l.isBeginning(name, head{e.Size, tlog.Hash(*(*[tlog.HashSize]byte)(root))})
}

// verifyFolder checks a run; older is a checkpoint kept elsewhere, or nothing.
func verifyFolder(dir fs.FS, key, older []byte) ([]string, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return nil, err
	}
	text, err := fs.ReadFile(dir, "audit/checkpoint")
	if err != nil {
		return nil, err
	}
	signed, signatures, err := open("audit/checkpoint", text, verifier)
	if err != nil {
		return nil, err
	}
	if len(signatures.UnverifiedSigs) > 0 {
		return nil, errors.New("audit/checkpoint holds more than one signature of the log")
	}
	l, err := readLog(dir)
	if err != nil {
		return nil, err
	}
	if l.size != signed.size {
		return nil, fmt.Errorf("the checkpoint covers %d entries, the log has %d", signed.size, l.size)
	}
	if l.root != signed.root {
		return nil, errors.New("the entries do not give the checkpoint's root")
	}
	if err := l.checkTiles(dir); err != nil {
		return nil, err
	}
	said := []string{fmt.Sprintf("ok %d entries root %x", l.size, l.root[:])}
	for _, published := range l.files {
		found, err := fs.ReadFile(dir, published.Path)
		if err != nil {
			return nil, err
		}
		if err := published.is(found); err != nil {
			return nil, err
		}
	}
	said = append(said, fmt.Sprintf("%d published files as logged", len(l.files)))
	proofs, err := l.checkProofs(dir, verifier)
	if err != nil {
		return nil, err
	}
	said = append(said, fmt.Sprintf("%d proofs", proofs))
	cosigned, err := l.checkCosignatures(dir, verifier)
	if err != nil {
		return nil, err
	}
	said = append(said, cosigned...)
	for number, release := range l.releases {
		if err := l.checkRelease(dir, number, release); err != nil {
			return nil, err
		}
	}
	for kind, count := range l.after {
		said = append(said, fmt.Sprintf("%d %s after the run", count, kind))
	}
	if older != nil {
		kept, _, err := open("the older checkpoint", older, verifier)
		if err != nil {
			return nil, err
		}
		if err := l.isBeginning("the older checkpoint", kept); err != nil {
			return nil, err
		}
		said = append(said, fmt.Sprintf("continues the checkpoint over %d entries", kept.size))
	}
	return said, nil
}

// checkProofs checks that each published file has its proof, under the log's own checkpoint, where the folder has proofs.
func (l *log) checkProofs(dir fs.FS, verifier note.Verifier) (int, error) {
	if _, err := fs.Stat(dir, "audit/proofs"); err != nil {
		return 0, nil
	}
	for _, published := range l.files {
		name := "audit/proofs/" + published.Path + ".tlog-proof"
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return 0, err
		}
		e, signed, err := checkProof(name, text, verifier)
		if err != nil {
			return 0, err
		}
		if signed != l.head {
			return 0, fmt.Errorf("%s: of another checkpoint", name)
		}
		found := false
		for _, file := range e.published() {
			found = found || file == published
		}
		if !found {
			return 0, fmt.Errorf("%s: of another file", name)
		}
	}
	return len(l.files), nil
}

func (l *log) checkCosignatures(dir fs.FS, verifier note.Verifier) ([]string, error) {
	names, _ := fs.Glob(dir, "audit/cosigs/*")
	var said []string
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(name, ".vkey") {
			reviewer, err := newCosigner(string(text))
			if err != nil || name != fmt.Sprintf("audit/cosigs/%08x.vkey", reviewer.hash) {
				return nil, fmt.Errorf("%s: not the key that its name says", name)
			}
			continue
		}
		vkey, err := fs.ReadFile(dir, strings.SplitN(name, "-", 2)[0]+".vkey")
		if err != nil {
			return nil, err
		}
		reviewer, err := newCosigner(string(vkey))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		kept, signed, err := open(name, text, verifier, reviewer)
		if err != nil {
			return nil, err
		}
		if len(signed.UnverifiedSigs) > 0 || name != fmt.Sprintf("audit/cosigs/%08x-%d.checkpoint", reviewer.hash, kept.size) {
			return nil, fmt.Errorf("%s: holds more than it should", name)
		}
		if err := l.isBeginning(name, kept); err != nil {
			return nil, err
		}
		said = append(said, fmt.Sprintf("cosigned: %d entries by %s, key %s", kept.size, reviewer.name, strings.TrimSpace(string(vkey))))
	}
	return said, nil
}

func run(args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "-proof" {
		if len(args) != 4 {
			return nil, errors.New("usage: verify -proof PROOF-FILE PUBLISHED-FILE LOG-KEY-FILE")
		}
		var read [3][]byte
		for i, name := range args[1:] {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			read[i] = text
		}
		verifier, err := note.NewVerifier(strings.TrimSpace(string(read[2])))
		if err != nil {
			return nil, err
		}
		e, signed, err := checkProof(args[1], read[0], verifier)
		if err != nil {
			return nil, err
		}
		for _, published := range e.published() {
			if published.is(read[1]) == nil {
				return []string{fmt.Sprintf("ok %s is in the log of %d entries, root %x", published.Path, signed.size, signed.root[:])}, nil
			}
		}
		return nil, fmt.Errorf("%s is not the file that the proof is about", args[2])
	}
	if len(args) < 2 {
		return nil, errors.New("usage: verify DIR LOG-KEY-FILE [OLDER-CHECKPOINT]")
	}
	key, err := os.ReadFile(args[1])
	if err != nil {
		return nil, err
	}
	var older []byte
	if len(args) > 2 {
		if older, err = os.ReadFile(args[2]); err != nil {
			return nil, err
		}
	}
	return verifyFolder(os.DirFS(args[0]), key, older)
}

// shown is one line for each text, as a terminal shows and does not obey it: names in a folder may be anything, lines of an answer too.
func shown(texts ...string) string {
	var shown strings.Builder
	for i, text := range texts {
		if i > 0 {
			shown.WriteByte('\n')
		}
		for _, r := range text {
			if unicode.IsPrint(r) {
				shown.WriteRune(r)
			} else {
				fmt.Fprintf(&shown, "\\u%04x", r)
			}
		}
	}
	return shown.String()
}

func main() {
	said, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "NOT VERIFIED:", shown(err.Error()))
		os.Exit(1)
	}
	fmt.Println(shown(said...))
}
