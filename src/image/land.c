#include "image/land.h"

#include "image/process.h"

#include <errno.h>

#if IMAGE_SUPPORTED

#    include <asm/prctl.h>
#    include <stdbool.h>
#    include <sys/mman.h>
#    include <sys/syscall.h>

#    define RSEQ_UNREGISTER 1
#    define RSEQ_CPU_ID_OFFSET 4
#    define RSEQ_REGISTRATION_FAILED (-2)

_Static_assert(sizeof(struct image_registers) == 72, "the offsets in the code below");
_Static_assert(offsetof(struct image_registers, mxcsr) == 64, "the offsets in the code below");
_Static_assert(offsetof(struct image_plan, registers) == 0, "the offsets in the code below");

/* image_save: the structure is returned in rax (message) and rdx (is_thawed). */
__asm__(".text\n"
        ".globl image_save\n"
        ".type image_save, @function\n"
        "image_save:\n"
        "    endbr64\n"
        "    mov %rbx, 0(%rdi)\n"
        "    mov %rbp, 8(%rdi)\n"
        "    mov %r12, 16(%rdi)\n"
        "    mov %r13, 24(%rdi)\n"
        "    mov %r14, 32(%rdi)\n"
        "    mov %r15, 40(%rdi)\n"
        "    lea 8(%rsp), %rax\n"
        "    mov %rax, 48(%rdi)\n"
        "    mov (%rsp), %rax\n"
        "    mov %rax, 56(%rdi)\n"
        "    movq $0, 64(%rdi)\n"
        "    stmxcsr 64(%rdi)\n"
        "    fnstcw 68(%rdi)\n"
        "    xor %eax, %eax\n"
        "    xor %edx, %edx\n"
        "    ret\n"
        ".size image_save, . - image_save\n"
        ".globl image_enter\n"
        ".type image_enter, @function\n"
        "image_enter:\n"
        "    endbr64\n"
        "    push %rbp\n"
        "    mov %rsp, %rbp\n"
        "    mov %rsi, %rsp\n"
        "    call *%rdx\n"
        "    mov %rbp, %rsp\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size image_enter, . - image_enter\n");

/* Nothing here may use the stack protector, which is in thread-local storage, or the library. */
#    define ALONE __attribute__((no_stack_protector, always_inline)) static inline

ALONE long call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

ALONE long set_rseq(uint64_t address, uint64_t size, int flags)
{
    return call(SYS_rseq, address, size, (uint64_t)flags, PROCESS_RSEQ_SIGNATURE, 0);
}

ALONE long set_layout(const struct prctl_mm_map *layout)
{
    return call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (uint64_t)layout, sizeof(*layout), 0);
}

ALONE long move(const struct image_range *from, const struct image_range *to)
{
    uint64_t size = from->end - from->start;

    return call(SYS_mremap, from->start, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to->start);
}

/* Returns 0 or -errno; then nothing has moved. */
ALONE long move_vdso(const struct image_plan *plan)
{
    for (uint64_t i = 0; i < plan->n_moves; i++) {
        long r = move(&plan->moves[i].from, &plan->moves[i].to);
        if (r >= 0)
            continue;
        while (i-- > 0)
            move(&plan->moves[i].to, &plan->moves[i].from);
        return r;
    }
    return 0;
}

/* Returns 0 or -errno; then everything is as before. */
ALONE long prepare(const struct image_plan *plan)
{
    long r =
        plan->old_rseq != 0 ? set_rseq(plan->old_rseq, plan->old_rseq_size, RSEQ_UNREGISTER) : 0;

    if (r < 0)
        return r;
    r = set_layout(&plan->layout);
    if (r == 0) {
        r = move_vdso(plan);
        if (r == 0)
            return 0;
        set_layout(&plan->old_layout);
    }
    if (plan->old_rseq != 0)
        set_rseq(plan->old_rseq, plan->old_rseq_size, 0);
    return r;
}

/* Nothing here can fail in a way that matters: memory that could not be unmapped is only left over.
 */
ALONE void set_thread(const struct image_plan *plan)
{
    call(SYS_arch_prctl, ARCH_SET_FS, plan->thread_pointer, 0, 0, 0);
    call(SYS_set_robust_list, plan->robust_list, plan->robust_list_size, 0, 0, 0);
    *(volatile int *)image_pointer(plan->thread_id) =
        (int)call(SYS_set_tid_address, plan->thread_id, 0, 0, 0, 0);
    if (plan->rseq != 0 && set_rseq(plan->rseq, plan->rseq_size, 0) < 0)
        *(volatile int *)image_pointer(plan->rseq + RSEQ_CPU_ID_OFFSET) = RSEQ_REGISTRATION_FAILED;
}

__attribute__((no_stack_protector, noinline)) long image_land(const struct image_plan *plan)
{
    long r = prepare(plan);

    if (r < 0)
        return r;
    for (uint64_t i = 0; i < plan->n_gaps; i++)
        call(SYS_munmap, plan->gaps[i].start, plan->gaps[i].end - plan->gaps[i].start, 0, 0, 0);
    set_thread(plan);
    __asm__ volatile("ldmxcsr 64(%0)\n"
                     "fldcw 68(%0)\n"
                     "mov 0(%0), %%rbx\n"
                     "mov 8(%0), %%rbp\n"
                     "mov 16(%0), %%r12\n"
                     "mov 24(%0), %%r13\n"
                     "mov 32(%0), %%r14\n"
                     "mov 40(%0), %%r15\n"
                     "mov 48(%0), %%rsp\n"
                     "mov $1, %%edx\n"
                     "jmp *56(%0)\n"
                     :
                     : "D"(plan), "a"(plan->message)
                     : "memory");
    __builtin_unreachable();
}

#else

struct image_return image_save(struct image_registers *ret)
{
    *ret = (struct image_registers){0};
    return (struct image_return){0};
}

long image_land(const struct image_plan *plan)
{
    (void)plan;
    return -ENOSYS;
}

long image_enter(const struct image_plan *plan, void *stack_end, uint64_t land)
{
    (void)stack_end;
    (void)land;
    return image_land(plan);
}

#endif
