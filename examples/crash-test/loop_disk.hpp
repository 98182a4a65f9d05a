#pragma once

#include <kifa/store.hpp>
#include <memory>
#include <string>

namespace crash {

// A file system of its own in a file, whose power can be cut: what was not synced is lost, as far
// as the kernel knows. What a disk loses of its own cache it does not show.
//
// Needs root, loop devices, and mkfs of the wanted type. The mount is seen by this process and its
// children only, and goes with them.
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

  // From now on every call fails; nothing more reaches the disk (FS_IOC_SHUTDOWN, without writing
  // the journal first).
  kifa::Status cut_power();
  // Mounts what is left. Every file on it must be closed.
  kifa::Status restore_power();
  // The image is left behind, for an expert.
  void keep_image() { keeps_image_ = true; }

 private:
  LoopDisk(std::string image, std::string path, std::string type)
      : image_(std::move(image)), path_(std::move(path)), type_(std::move(type)) {}
  kifa::Status mount();
  kifa::Status unmount();

  const std::string image_;
  const std::string path_;
  const std::string type_;
  bool is_mounted_ = false;
  bool keeps_image_ = false;
};

}  // namespace crash
