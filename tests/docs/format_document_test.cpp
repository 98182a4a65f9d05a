// docs/formats/ says where every field stands; so does the compiler.

#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "core/store/format.hpp"
#include "core/store/manifest_format.hpp"
#include "core/store/table_format.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store {
namespace {

std::string document(const std::string& name = "wal.md") {
  std::ifstream file(KIFA_SOURCE_DIRECTORY "/docs/formats/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The part of the document that begins with `heading`, up to the next table's end.
std::string table_after(const std::string& text, const std::string& heading) {
  const std::size_t start = text.find(heading);
  if (start == std::string::npos) {
    return {};
  }
  const std::size_t table = text.find("|---:|", start);
  const std::size_t end = text.find("\n\n", table);
  return table == std::string::npos ? std::string() : text.substr(table, end - table);
}

struct Table {
  std::string rows;
  std::size_t checked = 0;

  void has(const char* field, std::size_t offset, std::size_t size) {
    const std::string row = fmt::format("\n| {} | {} | `{}` |", offset, size, field);
    INFO(row);
    CHECK(rows.find(row) != std::string::npos);
    ++checked;
  }
  void has_nothing_else() const {
    std::size_t count = 0;
    for (std::size_t at = rows.find("\n|"); at != std::string::npos;
         at = rows.find("\n|", at + 1)) {
      ++count;
    }
    CHECK(count == checked);
  }
};

#define KIFA_FIELD(Struct, field) has(#field, offsetof(Struct, field), sizeof(Struct::field))

TEST_CASE("the document shows every field of the segment header at its offset", "[format]") {
  const std::string text = document();
  Table header{table_after(text, "### Segment header, 256 bytes")};
  header.KIFA_FIELD(SegmentHeader, magic);
  header.KIFA_FIELD(SegmentHeader, format_major);
  header.KIFA_FIELD(SegmentHeader, format_minor);
  header.KIFA_FIELD(SegmentHeader, header_bytes);
  header.KIFA_FIELD(SegmentHeader, flags_incompatible);
  header.KIFA_FIELD(SegmentHeader, flags_read_only);
  header.KIFA_FIELD(SegmentHeader, flags_compatible);
  header.KIFA_FIELD(SegmentHeader, block_bytes);
  header.KIFA_FIELD(SegmentHeader, store_id);
  header.KIFA_FIELD(SegmentHeader, number);
  header.KIFA_FIELD(SegmentHeader, epoch);
  header.KIFA_FIELD(SegmentHeader, segment_bytes);
  header.KIFA_FIELD(SegmentHeader, first_lsn);
  header.KIFA_FIELD(SegmentHeader, first_event);
  header.KIFA_FIELD(SegmentHeader, predecessor_number);
  header.KIFA_FIELD(SegmentHeader, predecessor_epoch);
  header.KIFA_FIELD(SegmentHeader, predecessor_end);
  header.KIFA_FIELD(SegmentHeader, predecessor_chain);
  header.KIFA_FIELD(SegmentHeader, boot_ordinal);
  header.KIFA_FIELD(SegmentHeader, durable);
  header.KIFA_FIELD(SegmentHeader, durable_lsn);
  header.KIFA_FIELD(SegmentHeader, manifest_version);
  header.KIFA_FIELD(SegmentHeader, boot_id);
  header.KIFA_FIELD(SegmentHeader, flush_mode);
  header.KIFA_FIELD(SegmentHeader, before);
  header.KIFA_FIELD(SegmentHeader, reserved);
  header.KIFA_FIELD(SegmentHeader, crc);
  header.has_nothing_else();

  Table totals{table_after(text, "`before` says what the log holds")};
  totals.KIFA_FIELD(Totals, records);
  totals.KIFA_FIELD(Totals, payload_bytes);
  totals.KIFA_FIELD(Totals, gaps);
  totals.KIFA_FIELD(Totals, lost_records);
  totals.KIFA_FIELD(Totals, events);
  totals.KIFA_FIELD(Totals, min_unix_ns);
  totals.KIFA_FIELD(Totals, max_unix_ns);
  totals.has_nothing_else();
}

TEST_CASE("the document shows every field of a frame at its offset", "[format]") {
  const std::string text = document();
  Table header{table_after(text, "### Frame header, 128 bytes")};
  header.KIFA_FIELD(FrameHeader, header_crc);
  header.KIFA_FIELD(FrameHeader, magic);
  header.KIFA_FIELD(FrameHeader, segment);
  header.KIFA_FIELD(FrameHeader, offset);
  header.KIFA_FIELD(FrameHeader, epoch);
  header.KIFA_FIELD(FrameHeader, first_lsn);
  header.KIFA_FIELD(FrameHeader, record_count);
  header.KIFA_FIELD(FrameHeader, frame_bytes);
  header.KIFA_FIELD(FrameHeader, codec);
  header.KIFA_FIELD(FrameHeader, flags);
  header.KIFA_FIELD(FrameHeader, reserved);
  header.KIFA_FIELD(FrameHeader, chain);
  header.KIFA_FIELD(FrameHeader, durable);
  header.KIFA_FIELD(FrameHeader, durable_lsn);
  header.KIFA_FIELD(FrameHeader, first_event);
  header.KIFA_FIELD(FrameHeader, event_count);
  header.KIFA_FIELD(FrameHeader, payload_bytes);
  header.KIFA_FIELD(FrameHeader, entry_bytes);
  header.KIFA_FIELD(FrameHeader, boot_ordinal);
  header.KIFA_FIELD(FrameHeader, built_unix_ns);
  header.KIFA_FIELD(FrameHeader, built_boot_ns);
  header.KIFA_FIELD(FrameHeader, reserved2);
  header.KIFA_FIELD(FrameHeader, body_crc);
  header.has_nothing_else();

  Table record{table_after(text, "### Record table, 24 bytes a record")};
  record.KIFA_FIELD(TableEntry, payload_bytes);
  record.KIFA_FIELD(TableEntry, crc);
  record.KIFA_FIELD(TableEntry, observed_unix_ns);
  record.KIFA_FIELD(TableEntry, group);
  record.KIFA_FIELD(TableEntry, flags);
  record.has_nothing_else();

  Table seal{table_after(text, "The seal is not stored.")};
  seal.KIFA_FIELD(RecordSeal, epoch);
  seal.KIFA_FIELD(RecordSeal, lsn);
  seal.KIFA_FIELD(RecordSeal, observed_unix_ns);
  seal.KIFA_FIELD(RecordSeal, payload_bytes);
  seal.KIFA_FIELD(RecordSeal, group);
  seal.KIFA_FIELD(RecordSeal, flags);
  seal.KIFA_FIELD(RecordSeal, reserved);
  seal.has_nothing_else();

  Table trailer{table_after(text, "### Trailer, 8 bytes")};
  trailer.KIFA_FIELD(FrameTrailer, magic);
  trailer.KIFA_FIELD(FrameTrailer, header_crc);
  trailer.has_nothing_else();
}

TEST_CASE("the document shows every field of a frame's entries at its offset", "[format]") {
  const std::string text = document();
  Table entry{table_after(text, "### Entries")};
  entry.KIFA_FIELD(EntryHeader, kind);
  entry.KIFA_FIELD(EntryHeader, reserved);
  entry.KIFA_FIELD(EntryHeader, bytes);
  entry.has_nothing_else();

  Table group{table_after(text, "**Group** (kind 1)")};
  group.KIFA_FIELD(GroupEntry, wall_minus_boot_ns);
  group.KIFA_FIELD(GroupEntry, pipeline_bytes);
  group.KIFA_FIELD(GroupEntry, source_bytes);
  group.KIFA_FIELD(GroupEntry, attribute_count);
  group.has_nothing_else();

  Table checkpoint{table_after(text, "**Checkpoint** (kind 2)")};
  checkpoint.KIFA_FIELD(CheckpointEntry, position);
  checkpoint.KIFA_FIELD(CheckpointEntry, flags);
  checkpoint.KIFA_FIELD(CheckpointEntry, state_bytes);
  checkpoint.KIFA_FIELD(CheckpointEntry, origin_bytes);
  checkpoint.KIFA_FIELD(CheckpointEntry, key_bytes);
  checkpoint.KIFA_FIELD(CheckpointEntry, reserved);
  checkpoint.has_nothing_else();

  Table event{table_after(text, "**Event** (kind 3)")};
  event.KIFA_FIELD(EventEntry, after_lsn);
  event.KIFA_FIELD(EventEntry, observed_unix_ns);
  event.KIFA_FIELD(EventEntry, records);
  event.KIFA_FIELD(EventEntry, bytes);
  event.KIFA_FIELD(EventEntry, first_lost);
  event.KIFA_FIELD(EventEntry, last_lost);
  event.KIFA_FIELD(EventEntry, kind);
  event.KIFA_FIELD(EventEntry, reserved);
  event.KIFA_FIELD(EventEntry, text_bytes);
  event.has_nothing_else();
}

TEST_CASE("the document shows every field of STATUS at its offset", "[format]") {
  Table status{table_after(document(), "## STATUS")};
  status.KIFA_FIELD(StatusSlot, crc);
  status.KIFA_FIELD(StatusSlot, magic);
  status.KIFA_FIELD(StatusSlot, format_major);
  status.KIFA_FIELD(StatusSlot, format_minor);
  status.KIFA_FIELD(StatusSlot, state);
  status.KIFA_FIELD(StatusSlot, sequence);
  status.KIFA_FIELD(StatusSlot, store_id);
  status.KIFA_FIELD(StatusSlot, open_epoch);
  status.KIFA_FIELD(StatusSlot, durable);
  status.KIFA_FIELD(StatusSlot, durable_lsn);
  status.KIFA_FIELD(StatusSlot, manifest_version);
  status.KIFA_FIELD(StatusSlot, boot_id);
  status.KIFA_FIELD(StatusSlot, flush_mode);
  status.has_nothing_else();
  Table note{table_after(document(), "### The note of an opening, 72 bytes")};
  note.KIFA_FIELD(OpeningNote, crc);
  note.KIFA_FIELD(OpeningNote, magic);
  note.KIFA_FIELD(OpeningNote, store_id);
  note.KIFA_FIELD(OpeningNote, disk_budget_bytes);
  note.KIFA_FIELD(OpeningNote, recovery);
  note.KIFA_FIELD(OpeningNote, recovery_flags);
  note.KIFA_FIELD(OpeningNote, recovery_unix_ns);
  note.KIFA_FIELD(OpeningNote, recovery_carried_records);
  note.KIFA_FIELD(OpeningNote, recovery_lost_records);
  note.KIFA_FIELD(OpeningNote, recovery_segments);
  note.KIFA_FIELD(OpeningNote, recovery_damages);
  note.has_nothing_else();
}

TEST_CASE("the document shows every field of a manifest at its offset", "[format]") {
  const std::string text = document("manifest.md");
  Table header{table_after(text, "### Manifest header, 480 bytes")};
  header.KIFA_FIELD(ManifestHeader, magic);
  header.KIFA_FIELD(ManifestHeader, format_major);
  header.KIFA_FIELD(ManifestHeader, format_minor);
  header.KIFA_FIELD(ManifestHeader, header_bytes);
  header.KIFA_FIELD(ManifestHeader, flags_incompatible);
  header.KIFA_FIELD(ManifestHeader, flags_read_only);
  header.KIFA_FIELD(ManifestHeader, flags_compatible);
  header.KIFA_FIELD(ManifestHeader, table_bytes);
  header.KIFA_FIELD(ManifestHeader, store_id);
  header.KIFA_FIELD(ManifestHeader, file_bytes);
  header.KIFA_FIELD(ManifestHeader, table_count);
  header.KIFA_FIELD(ManifestHeader, prefix_crc);
  header.KIFA_FIELD(ManifestHeader, version);
  header.KIFA_FIELD(ManifestHeader, previous_version);
  header.KIFA_FIELD(ManifestHeader, previous_checksum);
  header.KIFA_FIELD(ManifestHeader, checkpoints_crc);
  header.KIFA_FIELD(ManifestHeader, next_file_number);
  header.KIFA_FIELD(ManifestHeader, highest_event);
  header.KIFA_FIELD(ManifestHeader, flushed);
  header.KIFA_FIELD(ManifestHeader, flushed_epoch);
  header.KIFA_FIELD(ManifestHeader, next_lsn);
  header.KIFA_FIELD(ManifestHeader, next_event);
  header.KIFA_FIELD(ManifestHeader, flushed_totals);
  header.KIFA_FIELD(ManifestHeader, flushed_chain);
  header.KIFA_FIELD(ManifestHeader, reserved);
  header.KIFA_FIELD(ManifestHeader, last_anchor);
  header.KIFA_FIELD(ManifestHeader, purged_through);
  header.KIFA_FIELD(ManifestHeader, purged_next_event);
  header.KIFA_FIELD(ManifestHeader, purged_totals);
  header.KIFA_FIELD(ManifestHeader, purged_anchor);
  header.KIFA_FIELD(ManifestHeader, checkpoints_number);
  header.KIFA_FIELD(ManifestHeader, checkpoints_bytes);
  header.KIFA_FIELD(ManifestHeader, clock_unix_ns);
  header.KIFA_FIELD(ManifestHeader, clock_boot_ns);
  header.KIFA_FIELD(ManifestHeader, clock_boot_id);
  header.KIFA_FIELD(ManifestHeader, reserved2);
  header.KIFA_FIELD(ManifestHeader, written_log);
  header.KIFA_FIELD(ManifestHeader, written_tables);
  header.KIFA_FIELD(ManifestHeader, written_manifests);
  header.KIFA_FIELD(ManifestHeader, reserved3);
  header.has_nothing_else();

  Table table{table_after(text, "### Table of a manifest, 144 bytes")};
  table.KIFA_FIELD(ManifestTable, number);
  table.KIFA_FIELD(ManifestTable, first_lsn);
  table.KIFA_FIELD(ManifestTable, last_lsn);
  table.KIFA_FIELD(ManifestTable, records);
  table.KIFA_FIELD(ManifestTable, payload_bytes);
  table.KIFA_FIELD(ManifestTable, bytes);
  table.KIFA_FIELD(ManifestTable, first_event);
  table.KIFA_FIELD(ManifestTable, events);
  table.KIFA_FIELD(ManifestTable, gaps);
  table.KIFA_FIELD(ManifestTable, lost_records);
  table.KIFA_FIELD(ManifestTable, min_unix_ns);
  table.KIFA_FIELD(ManifestTable, max_unix_ns);
  table.KIFA_FIELD(ManifestTable, pieces);
  table.KIFA_FIELD(ManifestTable, level);
  table.KIFA_FIELD(ManifestTable, footer_crc);
  table.KIFA_FIELD(ManifestTable, last_anchor);
  table.has_nothing_else();

  Table trailer{table_after(text, "### Trailer of a manifest or checkpoints file, 8 bytes")};
  trailer.KIFA_FIELD(FileTrailer, magic);
  trailer.KIFA_FIELD(FileTrailer, crc);
  trailer.has_nothing_else();
}

TEST_CASE("the document shows every field of checkpoints and cursors at its offset", "[format]") {
  const std::string text = document("manifest.md");
  Table checkpoints{table_after(text, "### Checkpoints header, 64 bytes")};
  checkpoints.KIFA_FIELD(CheckpointsHeader, magic);
  checkpoints.KIFA_FIELD(CheckpointsHeader, format_major);
  checkpoints.KIFA_FIELD(CheckpointsHeader, format_minor);
  checkpoints.KIFA_FIELD(CheckpointsHeader, header_bytes);
  checkpoints.KIFA_FIELD(CheckpointsHeader, flags_incompatible);
  checkpoints.KIFA_FIELD(CheckpointsHeader, flags_read_only);
  checkpoints.KIFA_FIELD(CheckpointsHeader, flags_compatible);
  checkpoints.KIFA_FIELD(CheckpointsHeader, count);
  checkpoints.KIFA_FIELD(CheckpointsHeader, store_id);
  checkpoints.KIFA_FIELD(CheckpointsHeader, number);
  checkpoints.KIFA_FIELD(CheckpointsHeader, reserved);
  checkpoints.KIFA_FIELD(CheckpointsHeader, header_crc);
  checkpoints.has_nothing_else();

  Table cursor{table_after(text, "## A cursor")};
  cursor.KIFA_FIELD(CursorRecord, magic);
  cursor.KIFA_FIELD(CursorRecord, format_major);
  cursor.KIFA_FIELD(CursorRecord, format_minor);
  cursor.KIFA_FIELD(CursorRecord, kind);
  cursor.KIFA_FIELD(CursorRecord, flags_incompatible);
  cursor.KIFA_FIELD(CursorRecord, flags_read_only);
  cursor.KIFA_FIELD(CursorRecord, flags_compatible);
  cursor.KIFA_FIELD(CursorRecord, reserved);
  cursor.KIFA_FIELD(CursorRecord, lsn);
  cursor.KIFA_FIELD(CursorRecord, deadline_unix_ns);
  cursor.KIFA_FIELD(CursorRecord, reserved2);
  cursor.KIFA_FIELD(CursorRecord, crc);
  cursor.has_nothing_else();
}

TEST_CASE("the table document shows every field of a block at its offset", "[format]") {
  const std::string text = document("table.md");
  Table header{table_after(text, "### Table header, 96 bytes")};
  header.KIFA_FIELD(TableHeader, magic);
  header.KIFA_FIELD(TableHeader, format_major);
  header.KIFA_FIELD(TableHeader, format_minor);
  header.KIFA_FIELD(TableHeader, header_bytes);
  header.KIFA_FIELD(TableHeader, flags_incompatible);
  header.KIFA_FIELD(TableHeader, flags_read_only);
  header.KIFA_FIELD(TableHeader, flags_compatible);
  header.KIFA_FIELD(TableHeader, level);
  header.KIFA_FIELD(TableHeader, store_id);
  header.KIFA_FIELD(TableHeader, number);
  header.KIFA_FIELD(TableHeader, first_lsn);
  header.KIFA_FIELD(TableHeader, reserved);
  header.KIFA_FIELD(TableHeader, crc);
  header.has_nothing_else();

  Table block_header{table_after(text, "### Block header, 128 bytes")};
  block_header.KIFA_FIELD(TableBlockHeader, crc);
  block_header.KIFA_FIELD(TableBlockHeader, magic);
  block_header.KIFA_FIELD(TableBlockHeader, table);
  block_header.KIFA_FIELD(TableBlockHeader, offset);
  block_header.KIFA_FIELD(TableBlockHeader, codec);
  block_header.KIFA_FIELD(TableBlockHeader, reserved);
  block_header.KIFA_FIELD(TableBlockHeader, reserved2);
  block_header.KIFA_FIELD(TableBlockHeader, raw_bytes);
  block_header.KIFA_FIELD(TableBlockHeader, stored_bytes);
  block_header.KIFA_FIELD(TableBlockHeader, record_count);
  block_header.KIFA_FIELD(TableBlockHeader, event_count);
  block_header.KIFA_FIELD(TableBlockHeader, payload_bytes);
  block_header.KIFA_FIELD(TableBlockHeader, first_lsn);
  block_header.KIFA_FIELD(TableBlockHeader, last_lsn);
  block_header.KIFA_FIELD(TableBlockHeader, first_event);
  block_header.KIFA_FIELD(TableBlockHeader, first_after);
  block_header.KIFA_FIELD(TableBlockHeader, last_after);
  block_header.KIFA_FIELD(TableBlockHeader, min_unix_ns);
  block_header.KIFA_FIELD(TableBlockHeader, max_unix_ns);
  block_header.KIFA_FIELD(TableBlockHeader, reserved3);
  block_header.KIFA_FIELD(TableBlockHeader, reserved4);
  block_header.KIFA_FIELD(TableBlockHeader, reserved5);
  block_header.has_nothing_else();

  Table content_header{table_after(text, "### Block content")};
  content_header.KIFA_FIELD(TableContentHeader, lsn_bytes);
  content_header.KIFA_FIELD(TableContentHeader, time_bytes);
  content_header.KIFA_FIELD(TableContentHeader, boot_bytes);
  content_header.KIFA_FIELD(TableContentHeader, size_bytes);
  content_header.KIFA_FIELD(TableContentHeader, group_bytes);
  content_header.KIFA_FIELD(TableContentHeader, flag_bytes);
  content_header.KIFA_FIELD(TableContentHeader, group_count);
  content_header.KIFA_FIELD(TableContentHeader, group_entry_bytes);
  content_header.KIFA_FIELD(TableContentHeader, event_entry_bytes);
  content_header.KIFA_FIELD(TableContentHeader, payload_bytes);
  content_header.has_nothing_else();
}

TEST_CASE("the table document shows every field of groups and events at its offset", "[format]") {
  const std::string text = document("table.md");
  Table group_entry{table_after(text, "**Group**")};
  group_entry.KIFA_FIELD(TableGroupEntry, boot_ordinal);
  group_entry.KIFA_FIELD(TableGroupEntry, pipeline_bytes);
  group_entry.KIFA_FIELD(TableGroupEntry, source_bytes);
  group_entry.KIFA_FIELD(TableGroupEntry, attribute_count);
  group_entry.has_nothing_else();

  Table event_entry{table_after(text, "**Event**")};
  event_entry.KIFA_FIELD(TableEventEntry, number);
  event_entry.KIFA_FIELD(TableEventEntry, after_lsn);
  event_entry.KIFA_FIELD(TableEventEntry, observed_unix_ns);
  event_entry.KIFA_FIELD(TableEventEntry, records);
  event_entry.KIFA_FIELD(TableEventEntry, bytes);
  event_entry.KIFA_FIELD(TableEventEntry, first_lost);
  event_entry.KIFA_FIELD(TableEventEntry, last_lost);
  event_entry.KIFA_FIELD(TableEventEntry, records_before);
  event_entry.KIFA_FIELD(TableEventEntry, text_bytes);
  event_entry.KIFA_FIELD(TableEventEntry, kind);
  event_entry.KIFA_FIELD(TableEventEntry, reserved);
  event_entry.KIFA_FIELD(TableEventEntry, reserved2);
  event_entry.has_nothing_else();
}

TEST_CASE("the table document shows every field of the indexes at its offset", "[format]") {
  const std::string text = document("table.md");
  Table index_page{table_after(text, "### Index page")};
  index_page.KIFA_FIELD(TableIndexPage, crc);
  index_page.KIFA_FIELD(TableIndexPage, magic);
  index_page.KIFA_FIELD(TableIndexPage, table);
  index_page.KIFA_FIELD(TableIndexPage, offset);
  index_page.KIFA_FIELD(TableIndexPage, entry_count);
  index_page.KIFA_FIELD(TableIndexPage, reserved);
  index_page.has_nothing_else();

  Table index_entry{table_after(text, "**Index entry**")};
  index_entry.KIFA_FIELD(TableIndexEntry, offset);
  index_entry.KIFA_FIELD(TableIndexEntry, block_bytes);
  index_entry.KIFA_FIELD(TableIndexEntry, block_crc);
  index_entry.KIFA_FIELD(TableIndexEntry, record_count);
  index_entry.KIFA_FIELD(TableIndexEntry, event_count);
  index_entry.KIFA_FIELD(TableIndexEntry, first_lsn);
  index_entry.KIFA_FIELD(TableIndexEntry, last_lsn);
  index_entry.KIFA_FIELD(TableIndexEntry, first_after);
  index_entry.KIFA_FIELD(TableIndexEntry, last_after);
  index_entry.KIFA_FIELD(TableIndexEntry, min_unix_ns);
  index_entry.KIFA_FIELD(TableIndexEntry, max_unix_ns);
  index_entry.KIFA_FIELD(TableIndexEntry, sources);
  index_entry.KIFA_FIELD(TableIndexEntry, source_count);
  index_entry.KIFA_FIELD(TableIndexEntry, reserved);
  index_entry.KIFA_FIELD(TableIndexEntry, reserved2);
  index_entry.has_nothing_else();

  Table top_entry{table_after(text, "### Top index")};
  top_entry.KIFA_FIELD(TableTopEntry, offset);
  top_entry.KIFA_FIELD(TableTopEntry, page_crc);
  top_entry.KIFA_FIELD(TableTopEntry, entry_count);
  top_entry.KIFA_FIELD(TableTopEntry, first_lsn);
  top_entry.KIFA_FIELD(TableTopEntry, last_lsn);
  top_entry.KIFA_FIELD(TableTopEntry, first_after);
  top_entry.KIFA_FIELD(TableTopEntry, last_after);
  top_entry.KIFA_FIELD(TableTopEntry, min_unix_ns);
  top_entry.KIFA_FIELD(TableTopEntry, max_unix_ns);
  top_entry.KIFA_FIELD(TableTopEntry, event_count);
  top_entry.KIFA_FIELD(TableTopEntry, first_block_offset);
  top_entry.has_nothing_else();
}

TEST_CASE("the table document shows every field of pieces, sources and footer at its offset",
          "[format]") {
  const std::string text = document("table.md");
  Table piece{table_after(text, "### Pieces")};
  piece.KIFA_FIELD(TablePiece, first_lsn);
  piece.KIFA_FIELD(TablePiece, last_lsn);
  piece.KIFA_FIELD(TablePiece, record_count);
  piece.KIFA_FIELD(TablePiece, first_event);
  piece.KIFA_FIELD(TablePiece, event_count);
  piece.KIFA_FIELD(TablePiece, digest);
  piece.KIFA_FIELD(TablePiece, anchor);
  piece.has_nothing_else();

  Table source_entry{table_after(text, "### Sources")};
  source_entry.KIFA_FIELD(TableSourceEntry, pipeline_bytes);
  source_entry.KIFA_FIELD(TableSourceEntry, source_bytes);
  source_entry.has_nothing_else();

  Table footer{table_after(text, "### Footer, 320 bytes")};
  footer.KIFA_FIELD(TableFooter, magic);
  footer.KIFA_FIELD(TableFooter, format_major);
  footer.KIFA_FIELD(TableFooter, format_minor);
  footer.KIFA_FIELD(TableFooter, footer_bytes);
  footer.KIFA_FIELD(TableFooter, flags_incompatible);
  footer.KIFA_FIELD(TableFooter, flags_read_only);
  footer.KIFA_FIELD(TableFooter, flags_compatible);
  footer.KIFA_FIELD(TableFooter, level);
  footer.KIFA_FIELD(TableFooter, store_id);
  footer.KIFA_FIELD(TableFooter, number);
  footer.KIFA_FIELD(TableFooter, file_bytes);
  footer.KIFA_FIELD(TableFooter, first_lsn);
  footer.KIFA_FIELD(TableFooter, last_lsn);
  footer.KIFA_FIELD(TableFooter, records);
  footer.KIFA_FIELD(TableFooter, payload_bytes);
  footer.KIFA_FIELD(TableFooter, first_event);
  footer.KIFA_FIELD(TableFooter, events);
  footer.KIFA_FIELD(TableFooter, gaps);
  footer.KIFA_FIELD(TableFooter, lost_records);
  footer.KIFA_FIELD(TableFooter, min_unix_ns);
  footer.KIFA_FIELD(TableFooter, max_unix_ns);
  footer.KIFA_FIELD(TableFooter, block_count);
  footer.KIFA_FIELD(TableFooter, piece_count);
  footer.KIFA_FIELD(TableFooter, blocks_end);
  footer.KIFA_FIELD(TableFooter, top);
  footer.KIFA_FIELD(TableFooter, pieces);
  footer.KIFA_FIELD(TableFooter, sources);
  footer.KIFA_FIELD(TableFooter, previous_anchor);
  footer.KIFA_FIELD(TableFooter, last_anchor);
  footer.KIFA_FIELD(TableFooter, source_count);
  footer.KIFA_FIELD(TableFooter, header_crc);
  footer.KIFA_FIELD(TableFooter, reserved);
  footer.KIFA_FIELD(TableFooter, crc);
  footer.has_nothing_else();

  Table part{table_after(text, "**Part**")};
  part.KIFA_FIELD(TablePart, offset);
  part.KIFA_FIELD(TablePart, bytes);
  part.KIFA_FIELD(TablePart, crc);
  part.has_nothing_else();
}

TEST_CASE("the document says the sizes that the structs have", "[format]") {
  CHECK(sizeof(SegmentHeader) == 256);
  CHECK(sizeof(FrameHeader) == 128);
  CHECK(sizeof(TableEntry) == 24);
  CHECK(sizeof(RecordSeal) == 40);
  CHECK(sizeof(GroupEntry) == 16);
  CHECK(sizeof(CheckpointEntry) == 24);
  CHECK(sizeof(EventEntry) == 56);
  CHECK(sizeof(FrameTrailer) == 8);
  CHECK(sizeof(ManifestHeader) == 480);
  CHECK(sizeof(ManifestTable) == 144);
  CHECK(sizeof(FileTrailer) == 8);
  CHECK(sizeof(CheckpointsHeader) == 64);
  CHECK(sizeof(CursorRecord) == 56);
  CHECK(sizeof(TableHeader) == 96);
  CHECK(sizeof(TableBlockHeader) == 128);
  CHECK(sizeof(TableFooter) == 320);
  CHECK(sizeof(TableIndexPage) + kIndexPageEntriesMax * sizeof(TableIndexEntry) == 4064);
  CHECK(kStatusSlotStride == 512);
  CHECK(kStatusFileBytes == 4096);
}

}  // namespace
}  // namespace kifa::store
