#!/bin/sh
# usage: lazy_library.sh NM OUT LIBRARY... -- ARCHIVE...
# Writes assembly (x86-64) with one entry for each function of the shared LIBRARYs that the ARCHIVEs call: the first
# call loads the library and fills in the function's address, later ones jump there.
set -eu
nm=$1 out=$2
shift 2
libraries=
while [ "$1" != -- ]; do libraries="$libraries $1"; shift; done
shift
"$nm" -u "$@" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u >"$out.wanted"
{
  number=0
  for library in $libraries; do
    soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
    printf '  .section .rodata\n.Llibrary_%d: .string "%s"\n' "$number" "$soname"
    "$nm" -D --defined-only "$library" | awk '$2 == "T" || $2 == "W" { sub(/@.*/, "", $3); print $3 }' | sort -u |
      join - "$out.wanted" | awk -v library="$number" '
      {
        printf "  .section .rodata\n.Lname_%s_%d: .string \"%s\"\n", library, NR, $1
        printf "  .data\n  .balign 8\n.Lslot_%s_%d: .quad .Lload_%s_%d\n", library, NR, library, NR
        printf "  .text\n  .globl %s\n  .type %s, @function\n%s:\n  endbr64\n  jmp *.Lslot_%s_%d(%%rip)\n", $1, $1, $1, library, NR
        printf ".Lload_%s_%d:\n  endbr64\n  leaq .Lslot_%s_%d(%%rip), %%r10\n", library, NR, library, NR
        printf "  pushq %%rdi\n  leaq .Llibrary_%s(%%rip), %%rdi\n  pushq %%rsi\n  leaq .Lname_%s_%d(%%rip), %%rsi\n", library, library, NR
        printf "  jmp .Lfill\n  .size %s, .-%s\n", $1, $1
      }'
    number=$((number + 1))
  done
  # %r10: the slot; %rdi and %rsi: library and name, their callers'"'"' values on the stack. Every argument register
  # is kept, and the stack stays aligned to 16 bytes.
  cat <<'ASM'
  .text
.Lfill:
  pushq %rdx
  pushq %rcx
  pushq %r8
  pushq %r9
  pushq %rax
  pushq %r10
  subq $136, %rsp
  movdqu %xmm0, (%rsp)
  movdqu %xmm1, 16(%rsp)
  movdqu %xmm2, 32(%rsp)
  movdqu %xmm3, 48(%rsp)
  movdqu %xmm4, 64(%rsp)
  movdqu %xmm5, 80(%rsp)
  movdqu %xmm6, 96(%rsp)
  movdqu %xmm7, 112(%rsp)
  call sidestep_lazy_function
  movq %rax, %r11
  movdqu (%rsp), %xmm0
  movdqu 16(%rsp), %xmm1
  movdqu 32(%rsp), %xmm2
  movdqu 48(%rsp), %xmm3
  movdqu 64(%rsp), %xmm4
  movdqu 80(%rsp), %xmm5
  movdqu 96(%rsp), %xmm6
  movdqu 112(%rsp), %xmm7
  addq $136, %rsp
  popq %r10
  popq %rax
  popq %r9
  popq %r8
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  movq %r11, (%r10)
  jmp *%r11
ASM
  printf '  .section .data.rel.ro, "aw"\n  .balign 8\n  .globl sidestep_lazy_libraries\nsidestep_lazy_libraries:\n'
  i=0
  while [ "$i" -lt "$number" ]; do printf '  .quad .Llibrary_%d\n' "$i"; i=$((i + 1)); done
  printf '  .quad 0\n  .section .note.GNU-stack, "", @progbits\n'
} >"$out.new"
rm -f "$out.wanted"
mv "$out.new" "$out"
