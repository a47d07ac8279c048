#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(){ long v=syscall(444,0,0,1); perror("landlock"); printf("abi %ld\n",v); return 0;}
