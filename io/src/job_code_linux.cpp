// Linux: where a function's code lies in a file, which is the same in every process that has the
// file loaded, wherever that is.
#include <buskin/io/detail/pool_job.hpp>
#include <buskin/runtime/failure.hpp>

#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace buskin::io::detail {

namespace {

/// A file of code that this process has loaded.
struct code_file {
  std::uintptr_t base = 0;
  std::uint64_t version = 0;
  std::string path;  // empty for the program itself
};

/// What differs between two versions of a file: how it is laid out, and the linker's build id.
std::uint64_t version_of(const dl_phdr_info& file) {
  std::uint64_t sum = 14695981039346656037ULL;  // FNV-1a
  const auto add = [&sum](const void* bytes, std::size_t size) {
    for (std::size_t i = 0; i != size; ++i)
      sum = (sum ^ static_cast<const unsigned char*>(bytes)[i]) * 1099511628211ULL;
  };
  for (std::size_t i = 0; i != file.dlpi_phnum; ++i) {
    const auto& part = file.dlpi_phdr[i];
    add(&part, sizeof part);
    if (part.p_type == PT_NOTE)
      add(reinterpret_cast<const void*>(file.dlpi_addr + part.p_vaddr), part.p_memsz);
  }
  return sum;
}

bool has_code_at(const dl_phdr_info& file, std::uintptr_t address) {
  for (std::size_t i = 0; i != file.dlpi_phnum; ++i) {
    const auto& part = file.dlpi_phdr[i];
    const std::uintptr_t begin = file.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0 && address >= begin &&
        address - begin < part.p_memsz)
      return true;
  }
  return false;
}

struct search {
  std::uintptr_t address = 0;  // of the code, if not 0
  const char* path = nullptr;  // else the file's
  std::uintptr_t offset = 0;   // of the code that it has to have, with `path`
  bool found = false;
  bool has_code = false;
  code_file file;
};

int look_at(dl_phdr_info* file, std::size_t, void* data) {
  auto& wanted = *static_cast<search*>(data);
  if (wanted.path != nullptr ? std::strcmp(file->dlpi_name, wanted.path) != 0
                             : !has_code_at(*file, wanted.address))
    return 0;
  wanted.found = true;
  wanted.has_code = has_code_at(*file, file->dlpi_addr + wanted.offset);
  wanted.file = {file->dlpi_addr, version_of(*file), file->dlpi_name};
  return 1;
}

}  // namespace

std::string name_of_code(job_code code) {
  search wanted;
  wanted.address = reinterpret_cast<std::uintptr_t>(code);
  ::dl_iterate_phdr(look_at, &wanted);
  if (!wanted.found)
    throw std::invalid_argument(
        "a process_pool cannot run code that was made while the program runs: there is no file "
        "from which a worker would have it");
  const std::uint64_t numbers[] = {wanted.address - wanted.file.base, wanted.file.version};
  std::string name(reinterpret_cast<const char*>(numbers), sizeof numbers);
  return name + wanted.file.path;
}

job_code code_of_name(const std::string& name) {
  std::uint64_t numbers[2] = {};
  if (name.size() < sizeof numbers) throw std::runtime_error("a job without a function");
  std::memcpy(numbers, name.data(), sizeof numbers);
  const std::string path = name.substr(sizeof numbers);
  search wanted;
  wanted.path = path.c_str();
  wanted.offset = static_cast<std::uintptr_t>(numbers[0]);
  ::dl_iterate_phdr(look_at, &wanted);
  if (!wanted.found) {
    // The program loaded it later.
    if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      const char* why = ::dlerror();
      throw std::runtime_error("a worker cannot load the library with the job's function: " +
                               std::string(why != nullptr ? why : path.c_str()));
    }
    ::dl_iterate_phdr(look_at, &wanted);
  }
  if (!wanted.found || wanted.file.version != numbers[1] || !wanted.has_code)
    throw std::runtime_error(
        (path.empty() ? std::string("the program") : path) +
        " is another version in a worker than in the program that started it: its file was "
        "replaced meanwhile; start the program again");
  return reinterpret_cast<job_code>(wanted.file.base + wanted.offset);
}

std::string function_named_in(const char* name) {
  // "… [Function = &f]" as clang, "… [with auto Function = f; …]" as GCC writes it.
  std::string_view text(name);
  static constexpr std::string_view before = "Function = ";
  const auto begin = text.find(before);
  if (begin == std::string_view::npos) return "a function";
  text.remove_prefix(begin + before.size());
  if (text.starts_with('&')) text.remove_prefix(1);
  return std::string(text.substr(0, text.find_first_of(";]")));
}

runtime_options options_in_worker() {
  runtime_options options;
  options.name = "worker";
  options.signals = signal_handling::none;
  return options;
}

// -- what readers and writers share -------------------------------------------------------------

void throw_inspection(const char* doing, const caf::error& why) {
  throw std::runtime_error(std::string(doing) + " a value for another process failed in inspect: " +
                           buskin::describe(why));
}

void job_reader::throw_garbled() {
  throw std::runtime_error("what came from the other process is not what was to be written there");
}

}  // namespace buskin::io::detail
