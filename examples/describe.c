/* Describes a picture:  cc describe.c $(pkg-config --cflags --libs galago) -o describe;  ./describe cat.jpg
 * [MODEL] */
#include <galago.h>
#include <stdio.h>

static bool print(void *user, const char *piece, size_t size) { return fwrite(piece, 1, size, user) == size; }

int main(int argc, char **argv)
{
    galago_error e = {0};
    galago_model *model = NULL;
    galago_context *context = NULL;
    galago_image *image = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: describe IMAGE [MODEL]\n");
        return 1;
    }
    if (!galago_model_open(argc > 2 ? argv[2] : "demo", NULL, &model, &e) &&
        !galago_context_create(model, NULL, &context, &e) && !galago_image_load(argv[1], &image, &e)) {
        galago_message user = {
            .role = GALAGO_ROLE_USER, .text = "Describe this image.", .images = &image, .n_images = 1};
        galago_generate_params params = {.max_tokens = 64};
        galago_generate(context, &user, 1, &params, print, stdout, NULL, &e);
        printf("\n");
    }
    if (e.status) fprintf(stderr, "%s\n", e.message);
    galago_image_destroy(image);
    galago_context_destroy(context);
    galago_model_close(model);
    return e.status ? 2 : 0;
}
