/*
 * Runs a fuzz target over the files of the given folders, without libFuzzer: seeds and the
 * inputs of past failures, under every preset.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int result = -1;

    if (file == NULL)
        goto done;
    if (fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0)
        goto done;
    rewind(file);
    /* Exactly the size, so that a sanitizer sees the first byte read beyond it. */
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
        goto done;
    LLVMFuzzerTestOneInput(data, (size_t)size);
    result = 0;
done:
    if (result < 0)
        perror(path);
    free(data);
    if (file != NULL)
        fclose(file);
    return result;
}

static int
replay_folder(const char *folder)
{
    struct dirent **entries;
    char path[4096];
    int failed = 0;
    int run = 0;
    int n = scandir(folder, &entries, NULL, alphasort);

    if (n < 0) {
        perror(folder);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
            failed += replay_file(path) < 0;
            run++;
        }
        free(entries[i]);
    }
    free(entries);
    printf("%s: %d inputs\n", folder, run);
    return failed > 0 || run == 0 ? -1 : 0;
}

int
main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++)
        failed |= replay_folder(argv[i]) < 0;
    return failed;
}
