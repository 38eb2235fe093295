/* Counts the A64 instructions that a guest of qemu-user executes, in all and by class.
 *
 * A plugin for QEMU's plugin interface, version 1. QEMU translates guest code block by block; each block gets a
 * counter that QEMU itself raises whenever the block runs, and its instructions are sorted into classes once, when it
 * is translated. So the guest calls nothing of this while it computes, and a total is a sum over blocks.
 *
 * The guest marks places in its run by prctl(0x45424D4B, number), an option that no kernel knows. At each mark, and
 * at the end of the guest, lines go to QEMU's log:
 *
 *     insncount <mark or "exit"> <class or "total"> <instructions since the start>
 *
 * The few functions of QEMU that are used are declared here, so no header of QEMU is needed:
 *
 *     cc -O2 -shared -fPIC -fvisibility=hidden -o insncount.so insncount.c
 *     qemu-aarch64 -plugin ./insncount.so -d plugin -D LOG program
 */
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { MARK = 0x45424D4B, PRCTL = 167 /* its number on aarch64 */, ADD_U64 = 0 /* QEMU's only inline operation */ };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void on_block_fn(uint64_t plugin, struct qemu_plugin_tb *block);
typedef void on_exit_fn(uint64_t plugin, void *data);
typedef void on_syscall_fn(uint64_t plugin, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                           uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);

extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, on_block_fn *call);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *counter,
                                                     uint64_t operand);
extern void qemu_plugin_register_vcpu_syscall_cb(uint64_t plugin, on_syscall_fn *call);
extern void qemu_plugin_register_atexit_cb(uint64_t plugin, on_exit_fn *call, void *data);
extern void qemu_plugin_outs(const char *text);

EXPORT int qemu_plugin_version = 1;

/* Encodings of the Arm Architecture Reference Manual, A64. An instruction belongs to the first row whose value it
 * shows under the mask. Rows of one class stand together. */
struct row {
    const char *name;
    uint32_t mask, value;
};

static const struct row rows[] = {
    /* Dot products of four int8 pairs: Advanced SIMD three same (extra), and by element. */
    {"sdot", 0xBFE0FC00, 0x0E809400},
    {"sdot", 0xBFC0F400, 0x0F80E000},
    {"udot", 0xBFE0FC00, 0x2E809400},
    {"udot", 0xBFC0F400, 0x2F80E000},
    {"usdot", 0xBFE0FC00, 0x0E809C00},
    {"usdot", 0xBFC0F400, 0x0F80F000},
    {"sudot", 0xBFC0F400, 0x0F00F000},
    /* Products of 2x8 and 8x2 int8 matrices (i8mm). */
    {"smmla", 0xFFE0FC00, 0x4E80A400},
    {"ummla", 0xFFE0FC00, 0x6E80A400},
    {"usmmla", 0xFFE0FC00, 0x4E80AC00},
    /* bfloat16 */
    {"bfdot", 0xBFE0FC00, 0x2E40FC00},
    {"bfdot", 0xBFC0F400, 0x0F40F000},
    {"bfmmla", 0xFFE0FC00, 0x6E40EC00},
    /* Widening products and sums, which int8 uses on cores without dot products: three different, by element, and
     * two-register miscellaneous. */
    {"smlal", 0xBF20FC00, 0x0E208000},
    {"smlal", 0xBF00F400, 0x0F002000},
    {"umlal", 0xBF20FC00, 0x2E208000},
    {"umlal", 0xBF00F400, 0x2F002000},
    {"smull", 0xBF20FC00, 0x0E20C000},
    {"smull", 0xBF00F400, 0x0F00A000},
    {"umull", 0xBF20FC00, 0x2E20C000},
    {"umull", 0xBF00F400, 0x2F00A000},
    {"sadalp", 0xBF3FFC00, 0x0E206800},
    {"uadalp", 0xBF3FFC00, 0x2E206800},
    /* Floating point: vectors and by element, single and double, then half; scalars. */
    {"fmla", 0xBFA0FC00, 0x0E20CC00},
    {"fmla", 0xBF80F400, 0x0F801000},
    {"fmla.h", 0xBFE0FC00, 0x0E400C00},
    {"fmla.h", 0xBFC0F400, 0x0F001000},
    {"fmul", 0xBFA0FC00, 0x2E20DC00},
    {"fmul", 0xBF80F400, 0x0F809000},
    {"fadd", 0xBFA0FC00, 0x0E20D400},
    {"fmadd", 0xFF208000, 0x1F000000},
    /* SVE and SME: the same products on longer vectors and on tiles. */
    {"sve.sdot", 0xFFE0FC00, 0x44800000},
    {"sve.sdot", 0xFFE0FC00, 0x44A00000},
    {"sve.udot", 0xFFE0FC00, 0x44800400},
    {"sve.udot", 0xFFE0FC00, 0x44A00400},
    {"sve.smmla", 0xFFE0FC00, 0x45009800},
    {"sve.usmmla", 0xFFE0FC00, 0x45809800},
    {"sve.ummla", 0xFFE0FC00, 0x45C09800},
    {"sve.fmla", 0xFF20E000, 0x65200000},
    {"sve.fmla", 0xFFE0FC00, 0x64A00000},
    {"sme.smopa", 0xFFE0001C, 0xA0800000},
    {"sme.fmopa", 0xFFE0001C, 0x80800000},
    /* Everything else by the manual's top-level table (bits 28 to 25). */
    {"load-store", 0x0A000000, 0x08000000},
    {"other-simd-fp", 0x0E000000, 0x0E000000},
    {"other-sve", 0x1E000000, 0x04000000},
    {"other-sme", 0x9E000000, 0x80000000},
    {"branch-system", 0x1C000000, 0x14000000},
    {"integer-immediate", 0x1C000000, 0x10000000},
    {"integer-register", 0x0E000000, 0x0A000000},
    {"other", 0, 0},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct share {
    uint8_t row;
    uint16_t instructions;
};

struct block {
    uint64_t runs; /* QEMU raises this */
    struct block *next;
    unsigned shares;
    struct share share[];
};

static struct block *blocks; /* kept for ever: QEMU forgets translations, the counts must stay */
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static unsigned row_of(uint32_t instruction)
{
    unsigned index = 0;
    while ((instruction & rows[index].mask) != rows[index].value)
        index++; /* the last row takes all */
    return index;
}

static void report(const char *label)
{
    uint64_t sums[ROWS] = {0}, total = 0;
    char line[96];

    pthread_mutex_lock(&guard);
    for (const struct block *block = blocks; block; block = block->next)
        for (unsigned i = 0; i < block->shares; i++)
            sums[block->share[i].row] += block->runs * block->share[i].instructions;
    pthread_mutex_unlock(&guard);

    for (unsigned i = 0, j; i < ROWS; i = j) {
        uint64_t sum = 0;
        for (j = i; j < ROWS && strcmp(rows[i].name, rows[j].name) == 0; j++)
            sum += sums[j];
        total += sum;
        if (sum) {
            snprintf(line, sizeof line, "insncount %s %s %" PRIu64 "\n", label, rows[i].name, sum);
            qemu_plugin_outs(line);
        }
    }
    snprintf(line, sizeof line, "insncount %s total %" PRIu64 "\n", label, total);
    qemu_plugin_outs(line);
}

static void on_block(uint64_t plugin, struct qemu_plugin_tb *translated)
{
    uint16_t counts[ROWS] = {0};
    unsigned shares = 0;
    size_t instructions = qemu_plugin_tb_n_insns(translated);
    struct block *block;

    (void)plugin;
    for (size_t i = 0; i < instructions; i++) {
        uint32_t instruction;
        memcpy(&instruction, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(translated, i)), sizeof instruction);
        if (counts[row_of(instruction)]++ == 0)
            shares++;
    }
    block = malloc(sizeof *block + shares * sizeof block->share[0]);
    if (!block)
        abort(); /* a count that misses something is worse than none */
    block->runs = 0;
    block->shares = 0;
    for (unsigned i = 0; i < ROWS; i++)
        if (counts[i])
            block->share[block->shares++] = (struct share){(uint8_t)i, counts[i]};
    pthread_mutex_lock(&guard);
    block->next = blocks;
    blocks = block;
    pthread_mutex_unlock(&guard);
    qemu_plugin_register_vcpu_tb_exec_inline(translated, ADD_U64, &block->runs, 1);
}

static void on_syscall(uint64_t plugin, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                       uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    char label[24];

    (void)plugin, (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == PRCTL && a1 == MARK) {
        snprintf(label, sizeof label, "%" PRIu64, a2);
        report(label);
    }
}

static void on_end(uint64_t plugin, void *data)
{
    (void)plugin, (void)data;
    report("exit");
}

EXPORT int qemu_plugin_install(uint64_t plugin, const void *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_block);
    qemu_plugin_register_vcpu_syscall_cb(plugin, on_syscall);
    qemu_plugin_register_atexit_cb(plugin, on_end, NULL);
    return 0;
}
