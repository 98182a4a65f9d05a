#pragma once

#include <kifa/store.hpp>
#include <memory>
#include <string>
#include <vector>

namespace crash {

// A file system on a disk with a volatile cache, whose power can be cut: what was not flushed is
// lost.
//
// The disk is a file in a second file system, which is mounted from a file too. What the inner file
// system writes stays in the page cache of the outer one, and reaches it when the inner one flushes
// its disk. Cutting the power ends the outer one at once (FS_IOC_SHUTDOWN, without writing its
// journal), so that unflushed writes are gone, as they are from a drive.
//
// Needs root, loop devices, and mkfs. The mounts are seen by this process and its children only,
// and go with them.
//
// Threads: confined. cut_power() while others write.
class LoopDisk final {
 public:
  // Makes an image of `type` (ext4 or xfs) in `directory` and mounts it.
  static kifa::Result<std::unique_ptr<LoopDisk>> create(const std::string& directory,
                                                        const std::string& type);
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;
  ~LoopDisk();

  [[nodiscard]] const std::string& path() const { return path_; }

  // From now on nothing reaches the disk.
  kifa::Status cut_power();
  // Mounts what is left. Every file on it must be closed.
  kifa::Status restore_power();
  // The image is left behind, for an expert.
  void keep_image() { keeps_image_ = true; }

 private:
  LoopDisk(const std::string& directory, std::string type)
      : type_(std::move(type)),
        image_(directory + "/disk.img"),
        outer_(directory + "/disk"),
        inner_image_(outer_ + "/" + type_ + ".img"),
        path_(directory + "/" + type_) {}
  kifa::Status prepare();
  kifa::Status mount(const std::string& type, const std::string& image, const std::string& path);
  kifa::Status unmount_all();

  const std::string type_;
  const std::string image_;
  const std::string outer_;
  const std::string inner_image_;
  const std::string path_;
  std::vector<std::string> mounted_;
  bool keeps_image_ = false;
};

}  // namespace crash
