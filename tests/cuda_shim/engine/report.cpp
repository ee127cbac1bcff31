/* What the shim prints when a kernel breaks a rule: kernel, block, thread, what, and how to repeat
 * it. The program then ends with code 99: after such an error nothing that it says is worth
 * reading.
 */
#include "tests/cuda_shim/engine/engine.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shim
{

const void *running_function;
bool in_block;

/* The symbol at `offset` of the mapped ELF file. Kernels are static, so the dynamic loader does not
 * know them. */
static const char *symbol_at(const unsigned char *image, uint64_t offset)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(image + header->e_shoff);
    for (int s = 0; s < header->e_shnum; s++) {
        if (sections[s].sh_type != SHT_SYMTAB) {
            continue;
        }
        const Elf64_Sym *symbols = (const Elf64_Sym *)(image + sections[s].sh_offset);
        const char *names = (const char *)image + sections[sections[s].sh_link].sh_offset;
        for (size_t i = 0; i < sections[s].sh_size / sizeof *symbols; i++) {
            if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC && symbols[i].st_value == offset) {
                return names + symbols[i].st_name;
            }
        }
    }
    return nullptr;
}

/* Name of a function of this program with its template arguments; leaks, since it is printed once.
 */
static const char *function_name(const void *function)
{
    Dl_info where;
    const struct link_map *map = nullptr;
    if (!function || !dladdr1(function, &where, (void **)&map, RTLD_DL_LINKMAP)) {
        return "(unknown)";
    }
    const int file = open(map->l_name[0] ? map->l_name : "/proc/self/exe", O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) {
        return "(unknown)";
    }
    void *image = mmap(nullptr, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (image == MAP_FAILED) {
        return "(unknown)";
    }
    const char *name = symbol_at((const unsigned char *)image, (uint64_t)function - map->l_addr);
    if (!name) {
        return "(unknown)";
    }
    if (SHIM_MSAN) {
        return name; /* MSan does not see what the library writes */
    }
    int failed;
    char *readable = abi::__cxa_demangle(name, nullptr, nullptr, &failed);
    if (!readable) {
        return name;
    }
    /* Without the result type and the parameters. */
    char *end = readable + strlen(readable);
    for (int open = 0; end > readable;) {
        open += *--end == ')';
        open -= *end == '(';
        if (*end == '(' && open == 0) {
            *end = 0;
            break;
        }
    }
    return strncmp(readable, "void ", 5) ? readable : readable + 5;
}

static void print_where()
{
    if (!running_function) {
        return;
    }
    fprintf(stderr, "kernel %s", function_name(running_function));
    if (in_block) {
        fprintf(stderr, ", block (%u,%u,%u)", blockIdx.x, blockIdx.y, blockIdx.z);
    }
    if (current) {
        fprintf(stderr, ", thread (%u,%u,%u)", current->index.x, current->index.y,
                current->index.z);
    }
    fprintf(stderr, ": ");
}

void print_settings()
{
    fprintf(stderr, "cuda_shim: repeat with %s\n", alm_shim_settings());
}

void fail(const char *format, ...)
{
    fflush(stdout);
    fprintf(stderr, "cuda_shim: ");
    print_where();
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    print_settings();
    _exit(99);
}

#if SHIM_ASAN || SHIM_MSAN
extern "C" void __sanitizer_set_death_callback(void (*callback)(void));

static void name_thread()
{
    static bool told;
    if (!told) {
        told = true;
        fprintf(stderr, "cuda_shim: ");
        print_where();
        fprintf(stderr, "reported by the sanitizer\n");
        print_settings();
    }
}

/* UBSan has no such callback, but calls this of itself. */
extern "C" void __ubsan_on_report(void)
{
    name_thread();
}
#endif

void watch_deaths()
{
#if SHIM_ASAN || SHIM_MSAN
    __sanitizer_set_death_callback(name_thread);
#endif
}

} // namespace shim
