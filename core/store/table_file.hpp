#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/table_block.hpp"
#include "core/store/table_codec.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"

namespace kifa::store {

// A block as it was read, checked and decompressed.
struct TableBlock {
  TableBlockHeader header;
  ByteBuffer stored;  // as the file has it, with its header
  ByteBuffer raw;     // decompressed; not used when it is stored as it is

  [[nodiscard]] ByteView stored_content() const { return stored.view().subspan(sizeof header); }
  [[nodiscard]] ByteView content() const {
    return header.codec == TableCodec::none ? stored_content() : raw.view();
  }
};

// The parts of a table's file, each checked when it is read.
//
// Threads: confined, but for load_block().
// Errors:  `corrupt` for a part that is damaged or not what the part above it says; those of the
//          file system.
class TableFile final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TableFile>> open(io::FileSystem& files,
                                                               const std::string& path,
                                                               const TableExpectation& expected);

  // For a table whose footer, indexes or end are gone: find_block(), read_block() and content()
  // work. `corrupt`: header or footer hold and are not what is expected.
  [[nodiscard]] static Result<std::unique_ptr<TableFile>> open_for_salvage(
      io::FileSystem& files, const std::string& path, const TableExpectation& expected);
  // The first block that holds at or behind `from`, where one should begin; content() is then its.
  // What the disk does not give in two attempts counts as damaged.
  std::optional<TableIndexEntry> find_block(std::uint64_t from);

  [[nodiscard]] const TableFooter& footer() const { return footer_; }
  [[nodiscard]] const TableInfo& info() const { return info_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<TableTopEntry>& top() const { return top_; }

  Result<TableHeader> read_header();
  Result<std::vector<Piece>> read_pieces();
  struct Source {
    std::string pipeline, source;
  };
  Result<std::vector<Source>> read_sources();
  // The entries of page `index`.
  Result<std::vector<TableIndexEntry>> read_page(std::size_t index);
  // The blocks of a page as they say themselves, for a page that is damaged; as far as they can be
  // followed. `end` gets where that ends.
  std::vector<TableIndexEntry> find_blocks(std::size_t page, std::uint64_t& end);
  // Where the blocks of the page end.
  [[nodiscard]] std::uint64_t blocks_end(std::size_t page) const;
  // Reads a block; content() is then its. `entry` must lie inside the file.
  Status read_block(const TableIndexEntry& entry);
  // The same in two steps: the first one from any thread, each with a codec and a block of its own;
  // the second one when `loaded` is what the first one gave, which must live on with content().
  Status load_block(const TableIndexEntry& entry, BlockCodec& codec, TableBlock& block) const;
  Status take_block(const TableBlock& block, const Status& loaded);
  [[nodiscard]] BlockContent& content() { return content_; }
  // The block that read_block() read, as the file has it.
  [[nodiscard]] const TableBlockHeader& block_header() const { return block_.header; }
  [[nodiscard]] ByteView block_stored() const { return block_.stored_content(); }

 private:
  TableFile(std::string path, std::unique_ptr<io::File> file);
  [[nodiscard]] Status damaged(std::string_view what) const;
  [[nodiscard]] Status damaged_at(std::uint64_t offset, std::string_view what) const;
  Status read_exactly(std::uint64_t offset, MutableBytes into) const;
  Result<ByteView> read_part(const TablePart& part, std::string_view what);
  Status check_footer(const TableExpectation& expected, std::uint64_t file_bytes) const;
  Status read_top();
  Status check_identity(const TableExpectation& expected) const;
  [[nodiscard]] std::optional<TableBlockHeader> header_at(std::uint64_t at) const;
  std::optional<TableIndexEntry> block_at(std::uint64_t at);
  std::optional<std::uint64_t> find_mark(std::uint64_t from);
  void read_what_is_left(std::uint64_t offset, MutableBytes into) const;

  std::string path_;
  std::unique_ptr<io::File> file_;
  TableFooter footer_;
  TableInfo info_;
  std::vector<TableTopEntry> top_;
  BlockCodec codec_;
  BlockContent content_;
  ByteBuffer stored_;  // of a part that is not a block
  TableBlock block_;
};

}  // namespace kifa::store
